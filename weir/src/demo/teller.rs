//! The teller's voice: plain words, evidence under each, colours only where somebody sees them.

use std::{
    env, fmt,
    io::{self, IsTerminal},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use crate::print;

/// Tells.
#[derive(Clone, Debug)]
pub(super) struct Teller {
    colour: bool,
    chapter: Arc<AtomicUsize>,
}

impl Teller {
    pub(super) fn new() -> Self {
        // https://no-color.org
        let wanted = env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Self {
            colour: wanted && io::stdout().is_terminal(),
            chapter: Arc::default(),
        }
    }

    fn paint(&self, code: &str, text: impl fmt::Display) -> String {
        if self.colour {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_string()
        }
    }

    /// What it is all about.
    pub(super) fn title(&self, text: &str) -> io::Result<()> {
        print::line(self.paint("1", text))
    }

    /// A new chapter.
    pub(super) fn chapter(&self, text: &str) -> io::Result<()> {
        let number = self.chapter.fetch_add(1, Ordering::Relaxed) + 1;
        print::line(format!(
            "\n{} {}",
            self.paint("1;36", format!("{number}.")),
            self.paint("1", text)
        ))
    }

    /// Something that was checked and is so.
    pub(super) fn holds(&self, text: impl fmt::Display) -> io::Result<()> {
        print::line(format!("  {} {text}", self.paint("32", "✓")))
    }

    /// Something to know, or what was left out.
    pub(super) fn aside(&self, text: impl fmt::Display) -> io::Result<()> {
        print::line(format!("  {} {}", self.paint("2", "·"), self.paint("2", text)))
    }

    /// What is not so.
    pub(super) fn fails(&self, error: &anyhow::Error) -> io::Result<()> {
        print::line(format!(
            "  {} this does not hold: {error:#}",
            self.paint("31", "✗")
        ))
    }
}
