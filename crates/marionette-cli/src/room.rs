//! Says that the disk is full, and that it is not any more: until then nothing can be noted, so
//! nothing is begun, and who waits for it has to know why.

use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::say::Say;
use crate::store::Opened;

/// How often the disk is asked, which is one call of the system.
const LOOK: Duration = Duration::from_secs(2);

/// Watches the disk of a store until it is dropped.
#[derive(Debug)]
pub(crate) struct Watch(JoinHandle<()>);

impl Watch {
    pub(crate) fn begin(opened: &Opened, say: &Say) -> Self {
        let (opened, say) = (opened.clone(), say.clone());
        Self(tokio::spawn(async move { watch(&opened, &say).await }))
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn watch(opened: &Opened, say: &Say) {
    let mut was_full = false;
    loop {
        let is_full = opened.is_on_full_disk();
        if is_full && !was_full {
            say.warn(&format!(
                "the disk is full, on which {} is: what is done cannot be noted, and nothing is \
                 begun; make room, and it goes on by itself",
                opened.folder().display()
            ));
        } else if was_full && !is_full {
            say.warn("there is room on the disk again: it goes on");
        }
        was_full = is_full;
        sleep(LOOK).await;
    }
}
