//! The local mailbox: where mails go when no SMTP server is set. For one machine and its owner: only loopback sees it.

mod words;

use std::{
    fmt::Write,
    net::IpAddr,
    path::{Path as FilePath, PathBuf},
};

use poem::{
    IntoResponse, Request, Response, Result, handler,
    http::StatusCode,
    web::{Data, Path},
};

use crate::{limits::client_address, pages, state::State};

/// The newest mails first.
const SHOWN: usize = 200;

/// What is in the mailbox.
#[handler]
pub async fn list(req: &Request, Data(state): Data<&State>) -> Result<Response> {
    let folder = folder(req, state)?;
    let mut names = Vec::new();
    let mut entries = tokio::fs::read_dir(&folder)
        .await
        .map_err(|_| StatusCode::NOT_FOUND)?;
    while let Ok(Some(entry)) = entries.next_entry().await {
        if let Ok(name) = entry.file_name().into_string()
            && is_mail(&name)
        {
            names.push(name);
        }
    }
    // Names begin with the time.
    names.sort_unstable_by(|a, b| b.cmp(a));
    let mut rows = String::new();
    for name in names.iter().take(SHOWN) {
        let mail = tokio::fs::read_to_string(folder.join(name))
            .await
            .unwrap_or_default();
        let (to, subject, date) = (
            header(&mail, "To"),
            header(&mail, "Subject"),
            header(&mail, "Date"),
        );
        let link = escape(name.trim_end_matches(".eml"));
        let _ = write!(
            rows,
            "<tr><td><a href=\"/mailbox/{link}\">{}</a></td><td>{}</td><td>{}</td></tr>",
            escape(&subject),
            escape(&to),
            escape(&date)
        );
    }
    let body = if rows.is_empty() {
        "<p>Nothing yet. Mails appear here because no SMTP server is set (WEIR_SMTP_URL).</p>".to_owned()
    } else {
        format!(
            "<table><thead><tr><th>Subject</th><th>To</th><th>Date</th></tr></thead><tbody>{rows}</tbody></table>"
        )
    };
    Ok(page("Mailbox", &body))
}

/// One mail, as it was written.
#[handler]
pub async fn read(req: &Request, Path(name): Path<String>, Data(state): Data<&State>) -> Result<Response> {
    let folder = folder(req, state)?;
    let name = format!("{}.eml", name.trim_end_matches(".eml"));
    if !is_mail(&name) {
        return Err(StatusCode::NOT_FOUND.into());
    }
    let mail = tokio::fs::read(folder.join(&name))
        .await
        .map_err(|_| StatusCode::NOT_FOUND)?;
    Ok(Response::builder()
        .content_type("text/plain; charset=utf-8")
        .body(mail))
}

/// Where the mails are, if there is a mailbox and this caller may look into it.
fn folder(req: &Request, state: &State) -> Result<PathBuf> {
    let local = client_address(req, state.settings.trust_forwarded)
        .is_some_and(|address: IpAddr| address.is_loopback());
    state
        .settings
        .mailbox
        .clone()
        .filter(|_| local)
        .ok_or_else(|| StatusCode::NOT_FOUND.into())
}

/// A file that the worker wrote, and not a path to elsewhere.
fn is_mail(name: &str) -> bool {
    FilePath::new(name).extension().is_some_and(|kind| kind == "eml")
        && !name.starts_with('.')
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
}

/// A header's value, unfolded and as people read it.
fn header(mail: &str, name: &str) -> String {
    let mut value = String::new();
    let mut inside = false;
    for line in mail.lines().take_while(|line| !line.is_empty()) {
        if line.starts_with([' ', '\t']) {
            if inside {
                value.push(' ');
                value.push_str(line.trim());
            }
            continue;
        }
        inside = line
            .split_once(':')
            .is_some_and(|(key, _)| key.eq_ignore_ascii_case(name));
        if inside {
            line.split_once(':')
                .map_or("", |(_, rest)| rest.trim())
                .clone_into(&mut value);
        }
    }
    words::decoded(&value)
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

fn page(title: &str, body: &str) -> Response {
    let html = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>{title} · Weir</title><link rel=\"stylesheet\" href=\"/api/docs.css\"></head><body><main><h1>{title}</h1>{body}</main></body></html>"
    );
    let mut response = Response::builder()
        .content_type("text/html; charset=utf-8")
        .body(html)
        .into_response();
    pages::secure(&mut response);
    response
}
