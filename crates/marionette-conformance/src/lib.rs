//! What every store must do, as tests. A store is done when it passes, and only then.
