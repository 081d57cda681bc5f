//! Query parameters that an operation does not know. They are refused by name: a filter that is misspelt and ignored would answer
//! with everybody's data.

use std::sync::LazyLock;

use domain::error::Faults;
use poem::{Endpoint, IntoResponse, Middleware, Request, Response, Result};
use serde_json::Value;
use url::form_urlencoded;

use crate::{describe, problem::ApiError};

/// Lets only parameters pass that the description names.
pub struct Known;

impl<E: Endpoint<Output = Response>> Middleware<E> for Known {
    type Output = Checked<E>;

    fn transform(&self, inner: E) -> Checked<E> {
        Checked(inner)
    }
}

/// See [`Known`].
pub struct Checked<E>(E);

impl<E: Endpoint<Output = Response>> Endpoint for Checked<E> {
    type Output = Response;

    async fn call(&self, req: Request) -> Result<Response> {
        if let Some(query) = req.uri().query()
            && let Some(operation) = operation(req.method().as_str(), req.uri().path())
            && let Err(error) = operation.check(query)
        {
            return Ok(ApiError::from(error).into_response());
        }
        self.0.call(req).await
    }
}

/// What the description says of an operation.
#[derive(Debug, PartialEq, Eq)]
struct Operation {
    /// In lower case.
    method: String,
    /// The parts of its path; one in braces stands for any.
    path: Vec<String>,
    parameters: Vec<String>,
}

impl Operation {
    fn is_at(&self, method: &str, path: &str) -> bool {
        let mut parts = parts(path);
        let matches = |wanted: &String| {
            parts
                .next()
                .is_some_and(|part| wanted.starts_with('{') || wanted == part)
        };
        self.method.eq_ignore_ascii_case(method) && self.path.iter().all(matches) && parts.next().is_none()
    }

    fn check(&self, query: &str) -> domain::Result<()> {
        let mut faults = Faults::default();
        for (name, _) in form_urlencoded::parse(query.as_bytes()) {
            faults.check(
                self.parameters.iter().any(|known| **known == *name),
                format!("?{name}"),
                "unknown",
                match &self.parameters[..] {
                    [] => "this operation takes no parameters; leave it out".to_owned(),
                    known => format!("this operation takes {}", known.join(", ")),
                },
            );
        }
        faults.finish()
    }
}

fn parts(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|part| !part.is_empty())
}

/// The operation that a request is for; of two that fit, the one that spells more of its path.
fn operation(method: &str, path: &str) -> Option<&'static Operation> {
    static OPERATIONS: LazyLock<Vec<Operation>> = LazyLock::new(|| all(&describe::DESCRIPTION));
    let fitting = OPERATIONS
        .iter()
        .filter(|operation| operation.is_at(method, path));
    fitting.min_by_key(|operation| operation.path.iter().filter(|part| part.starts_with('{')).count())
}

fn all(description: &Value) -> Vec<Operation> {
    let mut all = Vec::new();
    for (path, item) in description["paths"].as_object().into_iter().flatten() {
        // Beside its operations a path may say where it is served.
        let said = item.as_object().into_iter().flatten();
        for (method, operation) in said.filter(|(_, said)| said.is_object()) {
            let parameters = operation["parameters"].as_array().into_iter().flatten();
            all.push(Operation {
                method: method.clone(),
                path: parts(path).map(str::to_owned).collect(),
                parameters: parameters
                    .filter(|parameter| parameter["in"] == "query")
                    .filter_map(|parameter| parameter["name"].as_str().map(str::to_owned))
                    .collect(),
            });
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_of_the_description_is_found_at_its_path() {
        let all = all(&describe::DESCRIPTION);
        assert!(all.len() > 100, "{}", all.len());
        for wanted in &all {
            let path = format!("/{}", wanted.path.join("/"));
            assert_eq!(operation(&wanted.method.to_uppercase(), &path), Some(wanted));
        }
        assert_eq!(operation("GET", "/nowhere/at/all"), None);
    }

    #[test]
    fn a_parameter_that_is_not_known_is_refused_with_those_that_are() {
        let consents = operation("GET", "/consents").unwrap();
        assert!(consents.check("subject_id=x&limit=5").is_ok());
        let Err(domain::Error::Invalid(faults)) = consents.check("limit=5&subject=user-1") else {
            panic!("it was taken");
        };
        assert_eq!(faults.len(), 1);
        assert_eq!(faults[0].field, "?subject");
        assert!(faults[0].detail.contains("subject_id"), "{}", faults[0].detail);
    }
}
