//! A JSON body that says where it is wrong. poem-openapi describes it; serde reads it, since serde knows the path.

use domain::error::Fault;
use poem::{Request, RequestBody, Result};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ExtractParamOptions,
    error::ContentTypeError,
    payload::{Json, Payload},
    registry::{MetaMediaType, MetaRequest, MetaSchemaRef, Registry},
    types::Type,
};
use serde::de::DeserializeOwned;

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
        let bytes = body.take()?.into_bytes_limit(MAX_BODY).await?;
        read(&bytes).map(Self)
    }
}

/// The largest body of a REST call, in bytes.
pub const MAX_BODY: usize = 2 << 20;

fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let mut pointer = String::new();
        for segment in error.path() {
            use serde_path_to_error::Segment;
            match segment {
                Segment::Seq { index } => pointer.push_str(&format!("/{index}")),
                Segment::Map { key } | Segment::Enum { variant: key } => pointer.push_str(&format!("/{key}")),
                Segment::Unknown => {}
            }
        }
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
