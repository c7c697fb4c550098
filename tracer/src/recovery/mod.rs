//! What is left of a recorder that died, and what becomes of it.
//!
//! Every recorder has a folder of its own, in which it notes what it makes before it makes it, and locks a file there
//! as long as it lives: the kernel lets go of a lock when its holder is gone, however that came, while numbers of
//! processes are given to others. Whoever finds a folder that nobody locks may finish the recording in it, or remove
//! what is empty. Nobody is killed or moved.
//!
//! It knows files, locks and cgroups; it refuses to know what is in a recording.

mod dead;
mod folder;
mod papers;

pub use dead::{Dead, dead};
pub use folder::{Folder, FolderError, Places};
pub use papers::Papers;
