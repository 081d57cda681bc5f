//! What an operator sees when everything runs: where to go.

use url::Url;

use super::Role;
use crate::{
    data_folder::DataFolder,
    print,
    settings::{LogFormat, Settings},
};

/// Says that it runs and where to go; to a program, in the log only.
pub(super) fn show(
    settings: &Settings,
    folder: &DataFolder,
    public_url: &Url,
    role: Role,
) -> std::io::Result<()> {
    tracing::info!(public_url = %public_url, version = env!("CARGO_PKG_VERSION"), "ready");
    if settings.log.format != LogFormat::Human || !role.serves() {
        return Ok(());
    }
    print::line(format!("Weir {} runs.", env!("CARGO_PKG_VERSION")))?;
    print::line(format!("  console        {public_url}console/"))?;
    print::line(format!("  API reference  {public_url}api/docs"))?;
    print::line(format!("  privacy page   {public_url}privacy/{{tenant}}"))?;
    if settings.smtp_url().is_none() && role.works() {
        print::line(format!(
            "  mailbox        {public_url}mailbox (no smtp_url is set, so mails stay here)"
        ))?;
    }
    print::line(format!("  data           {}", folder.path().display()))?;
    print::line("Stop it with Ctrl-C.")
}
