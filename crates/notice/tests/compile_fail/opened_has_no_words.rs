//! Nobody reads what an opened message says: neither the notice nor the content is there to be taken.

use pouch_notice::Opened;

fn take(opened: Opened) {
    let _notice = opened.value();
    let _content = opened.content;
}

fn main() {}
