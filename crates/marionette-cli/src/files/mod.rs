//! Folders of ours and the files in them. Whatever somebody else has put there is not followed, not
//! waited for and not written over.
//!
//! A folder is opened once, and everything in it is named from there, so it stays the same folder
//! whatever becomes of its name. No link at the end of a name is followed, no open blocks, and what
//! was opened is looked at: a regular file with one name, of this user or of root.

mod place;
mod folder;
mod owner;
mod umask;

pub(crate) use folder::Folder;
pub(crate) use owner::{Whose, user_name};
pub(crate) use place::Place;
pub(crate) use umask::{look_at_umask, mend_new};

#[cfg(test)]
mod tests;
