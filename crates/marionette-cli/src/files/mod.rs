//! Folders of ours and the files in them. Whatever another user has put there is not followed, not
//! waited for and not overwritten.
//!
//! A folder is opened once, and all names in it are relative to the open folder, so it stays the
//! same folder whatever becomes of its own name. No link at the end of a name is followed, no open
//! blocks, and an opened file is checked: it has to be a regular file with one name, of this user
//! or of root.

mod place;
mod folder;
mod owner;
mod umask;

pub(crate) use folder::Folder;
pub(crate) use owner::{Whose, user_name};
pub(crate) use place::Place;
pub(crate) use umask::keep_ours;

#[cfg(test)]
mod tests;
