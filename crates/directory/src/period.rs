//! Values with a history: what was true as of any size of the log.

/// A value that held for entries `from..until`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Period<T> {
    pub(crate) from: u64,
    pub(crate) until: Option<u64>,
    pub(crate) value: T,
}

/// The values of one thing, oldest first; at most one holds at a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct History<T>(Vec<Period<T>>);

impl<T> Default for History<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> History<T> {
    /// From the entry at `index` on, this value holds: a view of `index + 1` entries sees it.
    pub(crate) fn set(&mut self, index: u64, value: T) {
        self.end(index);
        self.0.push(Period { from: index, until: None, value });
    }

    /// From the entry at `index` on, no value holds.
    pub(crate) fn end(&mut self, index: u64) {
        if let Some(last) = self.0.last_mut().filter(|period| period.until.is_none()) {
            last.until = Some(index);
        }
    }

    /// The value that holds when `size` entries count.
    pub(crate) fn at(&self, size: u64) -> Option<&Period<T>> {
        self.0.iter().rev().find(|p| p.from < size && p.until.is_none_or(|until| until >= size))
    }

    pub(crate) fn all(&self) -> &[Period<T>] {
        &self.0
    }
}
