//! Ids as a person types them: a piece that no other task has is enough, and so is a name.

use std::fmt::Write;

use anyhow::{Result, bail};
use marionette::TaskId;
use marionette::inspect::{Filter, Inspect, JobSummary};

use crate::console::short_id::digits;
use crate::console::text::safe;
use crate::store::{Pages, explain};

use super::{list, words};

/// The shortest piece of an id that is searched for.
const DIGITS_MIN: usize = 4;
/// The number of digits of an id.
const DIGITS: usize = 32;
/// The number of tasks that are listed if a piece is ambiguous.
const CANDIDATES_MAX: usize = 8;

/// The digits of a typed id; else the reason why it is none.
pub(crate) fn parse(text: &str) -> Result<String, String> {
    let piece: String = text.trim().chars().filter(|char| *char != '-').collect();
    let piece = piece.to_lowercase();
    if piece.len() > DIGITS || !piece.chars().all(|char| char.is_ascii_hexdigit()) {
        return Err(format!(
            "{text:?} is not the id of a task, and no task has this name; ids have the digits 0-9 \
             and a-f, and `marionette list` shows them"
        ));
    }
    if piece.len() < DIGITS_MIN {
        return Err(format!(
            "the id {text:?} is too short, and no task has this name; write {DIGITS_MIN} digits of \
             it or more"
        ));
    }
    Ok(piece)
}

/// A typed text, and the task that it means, if there is one.
pub(super) type Meant<'a> = (&'a str, Option<TaskId>);

/// Finds the tasks that these texts mean.
pub(super) async fn find<'a>(store: &dyn Inspect, texts: &'a [String]) -> Result<Vec<Meant<'a>>> {
    let pieces: Vec<_> = texts.iter().map(|text| parse(text)).collect();
    let mut found: Vec<Vec<JobSummary>> = vec![Vec::new(); pieces.len()];
    let is_piece = |piece: &Result<String, String>| {
        let piece = piece.as_ref();
        piece.is_ok_and(|piece| piece.len() < DIGITS)
    };
    if pieces.iter().any(is_piece) {
        let mut pages = Pages::all(Filter::default());
        while let Some(jobs) = pages.next(store).await? {
            sieve(jobs, &pieces, &mut found);
        }
    }
    let mut meant = Vec::with_capacity(texts.len());
    for ((text, piece), mut found) in texts.iter().zip(pieces).zip(found) {
        if let Ok(piece) = &piece
            && piece.len() == DIGITS
        {
            meant.push((text.as_str(), known(store, piece).await?));
            continue;
        }
        called(store, text, &mut found).await?;
        let id = match found.as_slice() {
            [] => match piece {
                Ok(_) => None,
                Err(why) => bail!(why),
            },
            [job] => Some(job.id),
            several => {
                let shown = several.iter().take(CANDIDATES_MAX).cloned().collect();
                let shown = list::named(store, shown).await?;
                bail!(ambiguous(text, &shown, several.len() > shown.len()))
            }
        };
        meant.push((text.as_str(), id));
    }
    Ok(meant)
}

/// Adds the tasks of this name.
async fn called(store: &dyn Inspect, text: &str, found: &mut Vec<JobSummary>) -> Result<()> {
    if text.is_empty() {
        return Ok(());
    }
    let filter = Filter::new().text(text);
    let mut pages = Pages::all(filter);
    while let Some(jobs) = pages.next(store).await? {
        for (job, name) in list::named(store, jobs).await? {
            let is_new = found.iter().all(|other| other.id != job.id);
            if name.as_deref() == Some(text) && is_new {
                found.push(job);
                if found.len() > CANDIDATES_MAX {
                    return Ok(());
                }
            }
        }
    }
    Ok(())
}

async fn known(store: &dyn Inspect, piece: &str) -> Result<Option<TaskId>> {
    let id: TaskId = piece.parse()?;
    let job = store.job(id).await.map_err(explain)?;
    Ok(job.map(|job| job.summary.id))
}

/// Adds every job to the pieces that are part of its id.
fn sieve(jobs: Vec<JobSummary>, pieces: &[Result<String, String>], found: &mut [Vec<JobSummary>]) {
    for job in jobs {
        let digits = digits(job.id);
        for (piece, found) in pieces.iter().zip(found.iter_mut()) {
            let Ok(piece) = piece else { continue };
            if found.len() <= CANDIDATES_MAX && digits.contains(piece.as_str()) {
                found.push(job.clone());
            }
        }
    }
}

/// The message for a text that no task has.
pub(super) fn unknown(text: &str) -> String {
    format!(
        "no task has {:?} in its id or as its name; `marionette list` shows what there is",
        safe(text)
    )
}

fn ambiguous(text: &str, several: &[list::Named], are_more: bool) -> String {
    let mut error =
        format!("more than one task has {text:?} in its id or as its name; write more of one id:");
    for (job, name) in several {
        let (id, state) = (job.id, job.state);
        let task = words::task(&job.kind, name.as_deref());
        let task = safe(&task);
        write!(error, "\n  {id}  {state:<11}  {task}").expect("a string takes all");
    }
    if are_more {
        error.push_str("\n  …");
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_id_is_told() {
        assert_eq!(parse("3F9A-01c2").unwrap(), "3f9a01c2");
        let wrong = |text: &str| parse(text).unwrap_err();
        assert!(wrong("send_mail").starts_with("\"send_mail\" is not the id of a task"));
        assert!(wrong(&"a".repeat(33)).contains("is not the id of a task"));
        assert!(wrong("3f").starts_with("the id \"3f\" is too short"));
    }
}
