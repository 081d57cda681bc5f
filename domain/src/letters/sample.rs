//! Values to fill every mail with, to look at it before anybody gets it.

use serde_json::{Value, json};

/// As if a person called Ada had asked for everything at once. What a letter calls `code` is the code to type in for the
/// privacy page, and why something is refused elsewhere.
pub fn values(template: &str) -> Value {
    let code = if template == "portal_code" {
        "042137"
    } else {
        "legal_obligation"
    };
    json!({
            "tenant_name": "Acme <GmbH>", "name": "Ada <b>L.</b>", "role": "dpo",
            "link": "https://weir.example/console/verify?token=weir_mt_x&y=1",
            "expires": "2026-12-21T14:05:00Z",
            "code": code, "minutes": 10,
            "request_id": "0195b6a0-0000-7000-8000-000000000001", "kind": "erasure",
            "received_at": "2026-11-21T09:00:00+00:00", "due_at": "2026-12-21T23:59:59+00:00",
            "expires_at": "2026-12-01T09:00:00Z",
            "outcome": { "messages": 2, "connections": 1, "consents": 0, "keys": 3, "held": 2 },
            "opening": { "subject": "0195b6a0-0000-7000-8000-000000000002", "salt": "00ff" },
            "attach_receipt": 7, "statement_only": false, "recipients": 2,
            "because": "the law obliges us to keep the data", "provision": "Art. 17(3)(b) GDPR",
            "text": "We must keep <invoices>.\nFor ten years.", "complaint": "You can complain.", "remedy": "And sue.",
            "reason": "identity", "jurisdiction": "gdpr", "lift_at": "2026-12-28T09:00:00Z", "restricted": true, "at": "2026-11-21T09:00:00Z", "known": true, "why": "some of the data are kept for a legal obligation",
            "incident_id": "0195b6a0-0000-7000-8000-000000000003", "title": "A laptop was lost <in a train>",
            "aware_at": "2026-11-21T09:00:00Z", "from": "2026-11-20T09:00:00Z", "late": false, "hours": 12,
            "message": "Change your password.\nDo it today.", "consequences": "Spam.", "measures": "Ended all sessions.",
            "contact": "dpo@acme.example", "contact_name": "Dora",
            "hold_name": "Wile ./. Acme <GmbH>", "placed_at": "2026-11-21T09:00:00+00:00", "kept": 3,
            "alarm": "unbalanced", "class": "7", "difference": -2,
        "stage": "due", "days": 3, "waits_for_decision": true,
    })
}
