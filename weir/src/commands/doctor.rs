//! `weir doctor`: looks at everything that Weir stands on and says what to mend. Changes nothing.

mod checks;

use std::fmt;

use crate::{
    data_folder::DataFolder,
    print,
    settings::{Flags, Layers},
    telemetry,
    trouble::Trouble,
};

/// Check settings, stores, keys, Redis, mail server, clock and machine, and say what to mend.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// Only the checks, without the list of settings
    #[arg(long)]
    quiet: bool,
    #[command(flatten)]
    settings: Flags,
}

/// How a check went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Ok,
    Warn,
    Fail,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Ok => "OK",
            Self::Warn => "WARN",
            Self::Fail => "FAIL",
        })
    }
}

/// What was looked at, what was found, and what mends it.
#[derive(Debug)]
struct Finding {
    verdict: Verdict,
    about: &'static str,
    text: String,
    remedy: Option<String>,
}

impl Finding {
    fn ok(about: &'static str, text: impl Into<String>) -> Self {
        Self {
            verdict: Verdict::Ok,
            about,
            text: text.into(),
            remedy: None,
        }
    }

    fn warn(about: &'static str, text: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            verdict: Verdict::Warn,
            about,
            text: text.into(),
            remedy: Some(remedy.into()),
        }
    }

    fn fail(about: &'static str, trouble: &Trouble) -> Self {
        let cause = trouble
            .cause()
            .map_or_else(String::new, |cause| format!(" ({cause})"));
        Self {
            verdict: Verdict::Fail,
            about,
            text: format!("{}{cause}", trouble.what()),
            remedy: Some(trouble.remedy().to_owned()),
        }
    }
}

/// Looks at everything.
///
/// # Errors
/// When a check failed, after all were told.
pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    let layers = Layers::load(&args.settings)?;
    let settings = layers.settings()?;
    telemetry::start_logs(&settings)?;
    if !args.quiet {
        show_settings(&layers)?;
    }
    let mut findings = Vec::new();
    match DataFolder::existing(&settings.data_dir) {
        Ok(folder) => {
            findings.extend(checks::folder(&folder));
            findings.extend(checks::stores(&settings, &folder).await);
        }
        Err(_) if !settings.data_dir.exists() => findings.push(Finding::warn(
            "data folder",
            format!("there is no {} yet", settings.data_dir.display()),
            "the first `weir serve` makes it; or name the right one with --data-dir",
        )),
        Err(trouble) => findings.push(Finding::fail("data folder", &trouble)),
    }
    findings.push(checks::listen(&settings));
    findings.push(checks::tls(&settings));
    findings.push(checks::redis(&settings).await);
    findings.push(checks::mail(&settings).await);
    findings.push(checks::egress(&settings));
    findings.push(checks::open_files());
    print::line("checks")?;
    for Finding {
        verdict,
        about,
        text,
        remedy,
    } in &findings
    {
        print::line(format!("  {verdict:<5} {about:<12} {text}"))?;
        if let Some(remedy) = remedy {
            print::line(format!("  {:<5} {:<12} → {remedy}", "", ""))?;
        }
    }
    let failed = findings
        .iter()
        .filter(|finding| finding.verdict == Verdict::Fail)
        .count();
    let warned = findings
        .iter()
        .filter(|finding| finding.verdict == Verdict::Warn)
        .count();
    print::line(format!(
        "{} ok, {warned} to look at, {failed} to mend",
        findings.len() - warned - failed
    ))?;
    if failed > 0 {
        return Err(Trouble::new(
            format!("{failed} of the checks failed"),
            "see the lines with FAIL above",
        )
        .into());
    }
    Ok(())
}

fn show_settings(layers: &Layers) -> anyhow::Result<()> {
    print::line("settings (secrets left out)")?;
    for (key, value, origin) in layers.effective() {
        print::line(format!("  {key:<36} {value:<40} {origin}"))?;
    }
    print::line("")?;
    Ok(())
}
