//! Deep recursion without a stack overflow: every so many levels the work goes on in a new thread.
//!
//! Go grows its stacks, so that 10,000 nested parentheses are no problem there. Nothing is paid for
//! this in templates of ordinary depth.

/// How many levels of recursion share one stack.
const LEVELS: usize = 64;

/// The stack of a further thread; only what is touched is ever backed by memory.
const STACK_BYTES: usize = 8 << 20;

/// How deep a value may be nested for a function that has to walk it.
pub(crate) const MAX_VALUE_DEPTH: usize = 10_000;

/// Runs `work`, on a fresh stack when `depth` has used up the present one; none when the machine has
/// no further thread to give.
pub(crate) fn call<R: Send>(depth: usize, work: impl FnOnce() -> R + Send) -> Option<R> {
    if depth == 0 || !depth.is_multiple_of(LEVELS) {
        return Some(work());
    }
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK_BYTES);
        thread.spawn_scoped(scope, work).ok()?.join().ok()
    })
}
