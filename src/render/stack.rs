//! A thread with a stack of its own. jaq's parser, compiler and interpreter recurse; the nesting of what they get is bounded
//! (`model::render::scan`), and this is more than that takes.

use std::thread::Builder;

/// In bytes. 100 brackets in each other take less than a tenth of it, also without optimisations.
const STACK: usize = 16 * 1024 * 1024;

/// Why the work gave nothing.
#[derive(Debug)]
pub(crate) enum Broken {
    /// There is no thread to be had.
    Thread(std::io::Error),
    /// It panicked: a mistake in jaq, or in ours.
    Panicked,
}

/// Does the work on a thread with a large stack.
///
/// # Errors
/// [`Broken`].
pub(crate) fn large<T: Send>(work: impl FnOnce() -> T + Send) -> Result<T, Broken> {
    std::thread::scope(|scope| {
        let thread = Builder::new().name("render".to_owned()).stack_size(STACK).spawn_scoped(scope, work);
        thread.map_err(Broken::Thread)?.join().map_err(|_| Broken::Panicked)
    })
}
