//! Who is signed in on a privacy page.

use domain::portal::{self, PortalCaller};
use poem::{Request, RequestBody};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions, registry::Registry};

use crate::credential::{Carrier, refuse};

/// The cookie that a browser is signed in with on a privacy page.
pub const PORTAL_COOKIE: &str = "weir_portal";

/// Session tokens of a privacy page.
const CARRIER: Carrier = Carrier {
    schemes: ["portal_bearer", "portal_cookie"],
    cookie: PORTAL_COOKIE,
    what: "A session token of a privacy page (`weir_pt_…`).",
};

/// Somebody who proved to read the mail of an address.
pub struct Person(PortalCaller);

impl Person {
    /// The person as the domain knows them.
    pub fn inner(&self) -> &PortalCaller {
        &self.0
    }
}

impl<'a> ApiExtractor<'a> for Person {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        CARRIER.register(registry);
    }

    fn security_schemes() -> Vec<&'static str> {
        CARRIER.schemes.to_vec()
    }

    async fn from_request(
        req: &'a Request,
        _: &mut RequestBody,
        _: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        let (state, token) = CARRIER.demand(req)?;
        // A session is good on the page it was opened on, and nowhere else.
        portal::authenticate(&state.ctx, page_of(req), &token)
            .await
            .map(Self)
            .map_err(refuse)
    }
}

/// The tenant whose page is asked for: `…/portal/{tenant}/…`. poem-openapi gives path parameters names of its own, so the
/// path itself is asked.
fn page_of(req: &Request) -> &str {
    let mut segments = req
        .original_uri()
        .path()
        .split('/')
        .skip_while(|segment| *segment != "portal");
    segments.nth(1).unwrap_or_default()
}
