//! What a command has to say to its user, on standard output; logs go to standard error. The only place that prints.

use std::io::{self, Write};

/// Writes a line. A reader that went away (`weir openapi | head`) is no error.
pub(crate) fn line(text: impl AsRef<str>) -> io::Result<()> {
    forgive(writeln!(io::stdout().lock(), "{}", text.as_ref()))
}

/// Writes a line of progress or trouble to standard error.
pub(crate) fn note(text: impl AsRef<str>) {
    // Nobody is left to be told when this fails.
    let _ = writeln!(io::stderr().lock(), "{}", text.as_ref());
}

fn forgive(outcome: io::Result<()>) -> io::Result<()> {
    match outcome {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        outcome => outcome,
    }
}
