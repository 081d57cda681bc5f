//! Who is calling. Taking a [`Caller`] as an argument is what makes an operation need a credential.

use domain::{authentication, error::Result, permissions::Permission, tenancy::TenantScope};
use poem::{Request, RequestBody};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions, registry::Registry};

use crate::credential::{Carrier, refuse};

/// The cookie that a browser is signed in with.
pub const SESSION_COOKIE: &str = "weir_session";

/// API keys (`weir_sk_…`) and session tokens (`weir_st_…`) by header; session tokens by cookie, for the console.
pub const CARRIER: Carrier = Carrier {
    schemes: ["bearer", "cookie"],
    cookie: SESSION_COOKIE,
    what: "An API key (`weir_sk_…`) or a session token (`weir_st_…`).",
};

/// A caller whose credential was checked.
pub struct Caller(authentication::Caller);

impl Caller {
    /// The caller as the domain knows it.
    pub fn inner(&self) -> &authentication::Caller {
        &self.0
    }

    /// The right to work on the tenant's data, if the caller has the permission.
    pub fn may(&self, permission: Permission) -> Result<&TenantScope> {
        self.0.may(permission)
    }
}

impl<'a> ApiExtractor<'a> for Caller {
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
        authentication::authenticate(&state.ctx, &token)
            .await
            .map(Self)
            .map_err(refuse)
    }
}
