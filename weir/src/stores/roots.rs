//! Where root keys come from: the settings, a command of a key service, or the data folder.

use std::{
    process::{Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use vault::{Redacted, key::RootKey};

use crate::{data_folder::DataFolder, settings::Settings, trouble::Trouble};

/// How long a key service may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// The root keys that are given: the one that wraps now first, and the one it replaces, while that lasts.
pub(crate) fn given(settings: &Settings, folder: &DataFolder) -> Result<Vec<RootKey>, Trouble> {
    let parse = |name: &str, text: &str| {
        RootKey::parse(text).map_err(|_| {
            Trouble::new(
                format!("{name} is not a root key, which is 32 bytes in base64"),
                "set it to what `openssl rand -base64 32` once gave you for this installation",
            )
        })
    };
    let mut roots = Vec::new();
    match (settings.root_key(), settings.root_key_command()) {
        (Some(_), Some(_)) => {
            return Err(Trouble::new(
                "there are two root keys: root_key and root_key_command are both set",
                "set one of them",
            ));
        }
        (Some(text), None) => roots.push(parse("WEIR_ROOT_KEY (or root_key)", text)?),
        (None, Some(command)) => roots.push(parse(
            "what root_key_command prints",
            printed_by(command)?.expose(),
        )?),
        (None, None) => {
            roots.extend(folder.root_key()?);
            roots.extend(folder.old_root_key()?);
        }
    }
    if let Some(text) = settings.old_root_key() {
        roots.push(parse("WEIR_OLD_ROOT_KEY (or old_root_key)", text)?);
    }
    Ok(roots)
}

/// Runs the command. What it says on standard error goes to ours; what it prints is a secret and goes nowhere else.
fn printed_by(command: &str) -> Result<Redacted<String>, Trouble> {
    let failed = |cause: String| {
        Trouble::new(
            "root_key_command gave no root key",
            "run it by hand as the user that runs weir, and see what it says",
        )
        .because(cause)
    };
    let child = Command::new("sh")
        .args(["-c", command])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| failed(error.to_string()))?;
    let (done, waits) = mpsc::channel();
    thread::spawn(move || {
        // Nobody listens any more if it took too long.
        let _ = done.send(child.wait_with_output());
    });
    let output = waits
        .recv_timeout(PATIENCE)
        .map_err(|_| failed(format!("it took longer than {} seconds", PATIENCE.as_secs())))?
        .map_err(|error| failed(error.to_string()))?;
    if !output.status.success() {
        return Err(failed(output.status.to_string()));
    }
    String::from_utf8(output.stdout)
        .map(Redacted::new)
        .map_err(|_| failed("it printed no text".to_owned()))
}
