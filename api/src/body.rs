//! A JSON body that says where it is wrong. poem-openapi describes it; serde reads it, since serde knows the path.

use domain::error::Fault;
use poem::{Request, RequestBody, Result, http::StatusCode};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ExtractParamOptions,
    error::ContentTypeError,
    payload::{Json, Payload},
    registry::{MetaMediaType, MetaRequest, MetaSchemaRef, Registry},
    types::Type,
};
use serde::de::DeserializeOwned;
use serde_path_to_error::Segment;
use tokio::io::AsyncReadExt;

use crate::problem::Malformed;

/// A JSON body. Unknown fields are refused where `T` says so (`#[serde(deny_unknown_fields)]`).
pub struct Body<T>(pub T);

impl<'a, T: Type + DeserializeOwned + Send> ApiExtractor<'a> for Body<T> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        T::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        let schema: MetaSchemaRef = T::schema_ref();
        let content = vec![MetaMediaType {
            content_type: <Json<T> as Payload>::CONTENT_TYPE,
            schema,
        }];
        Some(MetaRequest {
            description: None,
            content,
            required: true,
        })
    }

    async fn from_request(
        req: &'a Request,
        body: &mut RequestBody,
        _: ExtractParamOptions<()>,
    ) -> Result<Self> {
        match req.content_type() {
            Some(content_type) if <Json<T> as Payload>::check_content_type(content_type) => {}
            Some(content_type) => {
                return Err(ContentTypeError::NotSupported {
                    content_type: content_type.to_owned(),
                }
                .into());
            }
            None => return Err(ContentTypeError::ExpectContentType.into()),
        }
        let bytes = collect(body.take()?).await?;
        read(&bytes).map(Self)
    }
}

/// The largest body of a REST call, in bytes.
const MAX_BODY: usize = 2 << 20;
/// How much more of a body that is too large is read and thrown away. A client that is still sending when the connection
/// closes sees a reset instead of the answer.
const MAX_DISCARDED: usize = 64 << 20;

/// Reads a body, up to what a REST call may be.
pub async fn collect(body: poem::Body) -> Result<Vec<u8>> {
    collect_up_to(body, MAX_BODY).await
}

/// Reads a body of at most so many bytes.
pub async fn collect_up_to(body: poem::Body, most: usize) -> Result<Vec<u8>> {
    let mut reader = body.into_async_read();
    let mut bytes = Vec::new();
    let mut chunk = vec![0; 16 << 10];
    let mut total = 0;
    loop {
        let count = reader
            .read(&mut chunk)
            .await
            .map_err(|error| Malformed(Fault::new("", "incomplete", error.to_string())))?;
        total += count;
        if count == 0 || total > most + MAX_DISCARDED {
            break;
        }
        if total <= most {
            bytes.extend_from_slice(&chunk[..count]);
        }
    }
    if total > most {
        Err(StatusCode::PAYLOAD_TOO_LARGE.into())
    } else {
        Ok(bytes)
    }
}

fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let pointer: String = error
            .path()
            .iter()
            .filter_map(|segment| match segment {
                Segment::Seq { index } => Some(format!("/{index}")),
                Segment::Map { key } | Segment::Enum { variant: key } => Some(format!("/{key}")),
                Segment::Unknown => None,
            })
            .collect();
        let cause = error.into_inner();
        let code = match cause.classify() {
            serde_json::error::Category::Data => "wrong_type",
            _ => "not_json",
        };
        // serde names a missing field in words only; the pointer should name it too.
        let text = cause.to_string();
        if let Some(field) = text
            .strip_prefix("missing field `")
            .and_then(|rest| rest.split('`').next())
        {
            let detail = "this field is needed".to_owned();
            return Malformed(Fault {
                field: format!("{pointer}/{field}"),
                code: "missing",
                detail,
            });
        }
        if let Some(field) = text
            .strip_prefix("unknown field `")
            .and_then(|rest| rest.split('`').next())
        {
            let pointer = if pointer.ends_with(&format!("/{field}")) {
                pointer
            } else {
                format!("{pointer}/{field}")
            };
            return Malformed(Fault {
                field: pointer,
                code: "unknown_field",
                detail: text,
            });
        }
        Malformed(Fault {
            field: pointer,
            code,
            detail: text,
        })
    })?;
    json.end()
        .map_err(|error| Malformed(Fault::new("", "not_json", error.to_string())))?;
    Ok(value)
}
