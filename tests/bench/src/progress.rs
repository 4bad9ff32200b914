//! What is being done, so that nobody takes a long run for one that hangs.

use std::fmt;

use jiff::Zoned;

/// Says it on the standard error, after the time.
pub(crate) fn tell(what: fmt::Arguments<'_>) {
    eprintln!("{} {what}", Zoned::now().strftime("%H:%M:%S"));
}

/// [`tell`], written like `println!`.
macro_rules! progress {
    ($($text:tt)*) => {
        $crate::progress::tell(format_args!($($text)*))
    };
}
pub(crate) use progress;
