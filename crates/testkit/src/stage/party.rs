//! Who founds a network.

/// A member with one office.
#[derive(Debug, Clone)]
pub struct Party {
    /// The folder of its node, within the stage.
    pub folder: String,
    /// The member's code.
    pub member: String,
    /// Its name.
    pub name: String,
    /// Its office.
    pub office: String,
    /// The office's name.
    pub title: String,
    /// The office's telephone.
    pub telephone: String,
    /// Officers of the office; when there are any, all must approve immediate and flash notices.
    pub officers: Vec<Officer>,
    /// Whether the node cosigns logs.
    pub witnesses: bool,
    /// The relays where the office collects its messages, by name.
    pub relays: Vec<String>,
}

/// An officer.
#[derive(Debug, Clone)]
pub struct Officer {
    /// The folder of the officer's key, within the stage.
    pub folder: String,
    /// The title.
    pub title: String,
}

impl Party {
    /// A party without officers, named after its office.
    #[must_use]
    pub fn simple(office: &str) -> Self {
        let member = office.split('/').next().unwrap_or_default();
        Self {
            folder: member.to_lowercase(),
            member: member.to_owned(),
            name: format!("State of {member}"),
            office: office.to_owned(),
            title: format!("Office {office}"),
            telephone: "+1 555 0100".to_owned(),
            officers: Vec::new(),
            witnesses: false,
            relays: vec!["relay-1".to_owned()],
        }
    }

    /// The same, which collects its messages at these relays.
    #[must_use]
    pub fn at(self, relays: &[&str]) -> Self {
        Self { relays: relays.iter().map(|relay| (*relay).to_owned()).collect(), ..self }
    }

    pub(super) fn root(&self) -> String {
        format!("{}-root", self.folder)
    }
}
