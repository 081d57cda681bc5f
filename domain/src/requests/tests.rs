use std::io::{Cursor, Read};

use chrono::TimeDelta;
use entity::{
    audit_event, connection, consent_event,
    consent_event::ConsentState,
    export_part,
    id::SubjectId,
    message, portal_code,
    purpose::LawfulBasis,
    request::{self, RequestKind, RequestState},
    subject,
};
use sea_orm::{ColumnTrait, PaginatorTrait, QueryFilter, Set};
use zip::ZipArchive;

use super::*;
use crate::{
    Error, consents, erasure, exports,
    journal::bed::Bed,
    keys::SubjectKeyName,
    mails::{self, Outgoing},
    portal::{self, PortalCaller, SendPortalCode},
    purposes::{self, NewPurpose},
    subjects::{self, NewSubject},
};

const ADA: &str = "ada@example.org";

struct Story {
    bed: Bed,
}

impl Story {
    /// Somebody known as `ada`, with an address, two messages, a consent and a connection.
    async fn begin() -> (Self, SubjectId) {
        let bed = Bed::new().await;
        bed.rule("P30D", |_| {}).await;
        let story = Self { bed };
        let ada = story.person("ada", Some(ADA)).await;
        let _standing = story.bed.person("ada").await;
        for text in ["hello from ada", "{\"more\": 1}"] {
            story.bed.try_say("main", Some(ada), text).await.unwrap();
        }
        let purpose = story.purpose("news", LawfulBasis::Consent).await;
        let ctx = story.ctx();
        let tx = ctx.store.begin(story.scope()).await.unwrap();
        let consent = consents::NewConsent {
            subject: consents::WhichSubject::Id(ada),
            purpose: consents::WhichPurpose::Id(purpose),
            state: ConsentState::Given,
            notice_version_id: None,
            method: "web-form".into(),
            evidence: serde_json::from_str("{\"box\": \"ticked\"}").unwrap(),
            at: None,
            place: None,
            valid_for: None,
            import_key: None,
        };
        consents::record(&tx, ctx, consent).await.unwrap();
        tx.insert(connection::ActiveModel {
            id: Set(ctx.ids.next()),
            endpoint_id: Set(story.bed.endpoint),
            subject_id: Set(Some(ada)),
            node: Set("n".into()),
            address: Set(Some("192.0.2.0/24".into())),
            opened_at: Set(ctx.now()),
            authenticated_at: Set(Some(ctx.now())),
            last_activity_at: Set(ctx.now()),
            closed_at: Set(None),
            close_code: Set(None),
            close_reason: Set(None),
            bytes_in: Set(1),
            bytes_out: Set(2),
            messages_in: Set(3),
            messages_out: Set(4),
            ..Default::default()
        })
        .await
        .unwrap();
        tx.save().await.unwrap();
        (story, ada)
    }

    fn ctx(&self) -> &Ctx {
        self.bed.ctx()
    }

    fn scope(&self) -> &TenantScope {
        &self.bed.world.scope
    }

    async fn person(&self, external_id: &str, email: Option<&str>) -> SubjectId {
        let tx = self.ctx().store.begin(self.scope()).await.unwrap();
        let new = NewSubject {
            external_id: external_id.into(),
            email: email.map(Into::into),
        };
        let person = subjects::create(&tx, self.ctx(), new).await.unwrap();
        tx.save().await.unwrap();
        person.row.id
    }

    async fn purpose(&self, slug: &str, basis: LawfulBasis) -> entity::id::PurposeId {
        let tx = self.ctx().store.begin(self.scope()).await.unwrap();
        let new = NewPurpose {
            slug: slug.into(),
            name: slug.into(),
            description: None,
            lawful_basis: basis,
            requires_consent: None,
            balancing_note: (basis == LawfulBasis::LegitimateInterests).then(|| "weighed".into()),
            ..NewPurpose::new("", LawfulBasis::Consent)
        };
        let purpose = purposes::create(&tx, self.ctx(), new).await.unwrap();
        tx.save().await.unwrap();
        purpose.id
    }

    /// Orders a code and does the work behind it. Answers the mails that wait.
    async fn order_code(&self, email: &str) -> Vec<Outgoing> {
        let ctx = self.ctx();
        let stranger = portal::stranger(ctx, "acme").await.unwrap();
        let tx = ctx.store.begin(&stranger).await.unwrap();
        portal::order_code(&tx, ctx, email, None).await.unwrap();
        tx.save().await.unwrap();
        for claimed in crate::jobs::claim(ctx, "test", 10, TimeDelta::seconds(60))
            .await
            .unwrap()
        {
            if claimed.job.kind == SendPortalCode::KIND {
                portal::send_code(ctx, &claimed.scope, &claimed.payload().unwrap())
                    .await
                    .unwrap();
            }
            crate::jobs::finish(ctx, &claimed).await.unwrap();
        }
        self.mails().await
    }

    async fn mails(&self) -> Vec<Outgoing> {
        mails::claim(self.ctx(), 100, TimeDelta::days(365)).await.unwrap()
    }

    async fn sign_in(&self) -> (PortalCaller, vault::Redacted<String>) {
        let mails = self.order_code(ADA).await;
        let code = mails.last().unwrap().values["code"].as_str().unwrap().to_owned();
        let signed_in = portal::sign_in(self.ctx(), "acme", "ADA@example.org ", &code)
            .await
            .unwrap();
        (self.caller(&signed_in.token).await.unwrap(), signed_in.token)
    }

    async fn caller(&self, token: &vault::Redacted<String>) -> Result<PortalCaller> {
        portal::authenticate(self.ctx(), "acme", token.expose()).await
    }

    async fn request(&self, caller: &PortalCaller, kind: RequestKind) -> Result<request::Model> {
        let tx = self.ctx().store.begin(&caller.scope).await.unwrap();
        let request = create_from_portal(&tx, self.ctx(), caller, kind, Details::default(), None).await?;
        tx.save().await.unwrap();
        Ok(request)
    }

    async fn erase(&self, request: request::Model) -> request::Model {
        let (ctx, scope) = (self.ctx(), self.scope());
        let erasing = erasure::hide(ctx, scope, request).await.unwrap();
        erasure::carry_out(ctx, scope, &erasing).await.unwrap()
    }

    /// What somebody on the privacy page sees of their requests.
    async fn seen_by(&self, caller: &PortalCaller) -> Vec<RequestId> {
        let filter = Filter {
            of: Some(caller.as_reader()),
            ..Filter::default()
        };
        let tx = self.ctx().store.read(&caller.scope).await.unwrap();
        let page = PageIn::new(None, None).unwrap();
        let theirs = list(&tx, self.ctx(), &filter, &page).await.unwrap().items;
        theirs.into_iter().map(|request| request.id).collect()
    }

    async fn download(&self, request: &request::Model) -> Result<Vec<u8>> {
        let mut download = exports::download(self.ctx(), self.scope(), request).await?;
        let mut whole = Vec::new();
        while let Some(part) = download.next_part().await? {
            whole.extend(part);
        }
        Ok(whole)
    }

    async fn count<E: entity::TenantOwned>(&self, filter: impl sea_orm::sea_query::IntoCondition) -> u64
    where
        E::Model: Send + Sync,
    {
        let tx = self.bed.read().await;
        tx.find::<E>().filter(filter).count(tx.conn()).await.unwrap()
    }
}

fn read(zip: &mut ZipArchive<Cursor<Vec<u8>>>, name: &str) -> String {
    let mut text = String::new();
    zip.by_name(name).unwrap().read_to_string(&mut text).unwrap();
    text
}

#[tokio::test]
async fn a_code_is_mailed_to_a_known_address_only_and_nothing_else_tells_the_two_apart() {
    let (story, _) = Story::begin().await;
    let known = story.order_code(" Ada@Example.org").await;
    assert_eq!(known.len(), 1);
    assert_eq!(
        (known[0].template.as_str(), known[0].to.as_str()),
        ("portal_code", ADA)
    );
    assert!(story.order_code("eve@example.org").await.is_empty());
    let rows = story
        .count::<portal_code::Entity>(portal_code::Column::Attempts.eq(0))
        .await;
    assert_eq!(rows, 2, "both leave the same row behind");
    for email in [ADA, "eve@example.org"] {
        let error = portal::sign_in(story.ctx(), "acme", email, "x")
            .await
            .unwrap_err();
        assert!(
            matches!(
                error,
                Error::Rejected {
                    code: "code_invalid",
                    ..
                }
            ),
            "{error}"
        );
    }
    let rows = story
        .count::<portal_code::Entity>(portal_code::Column::Attempts.eq(1))
        .await;
    assert_eq!(rows, 2, "both count the wrong try");
}

#[tokio::test]
async fn a_link_works_once_for_ten_minutes_and_its_code_with_it() {
    let (story, _) = Story::begin().await;
    let secret = |mails: &[Outgoing]| {
        let link = mails[0].values["link"].as_str().unwrap();
        link.split_once("#token=").unwrap().1.to_owned()
    };
    let open = async |secret: &str| portal::sign_in_by_link(story.ctx(), "acme", secret).await;
    let mails = story.order_code(ADA).await;
    let (first, code) = (
        secret(&mails),
        mails[0].values["code"].as_str().unwrap().to_owned(),
    );
    // Guessing at codes does no harm to a link, which nobody guesses.
    for _ in 0..6 {
        assert!(portal::sign_in(story.ctx(), "acme", ADA, "x").await.is_err());
    }
    assert!(open(&first).await.is_ok());
    assert!(open(&first).await.is_err(), "once");
    assert!(portal::sign_in(story.ctx(), "acme", ADA, &code).await.is_err());
    let second = secret(&story.order_code(ADA).await);
    story.bed.advance(TimeDelta::minutes(11));
    assert!(open(&second).await.is_err(), "not for ever");
    assert!(open("").await.is_err());
}

#[tokio::test]
async fn a_code_works_once_for_ten_minutes_and_dies_of_five_wrong_tries() {
    let (story, _) = Story::begin().await;
    let code = |mails: Vec<Outgoing>| mails[0].values["code"].as_str().unwrap().to_owned();
    let first = code(story.order_code(ADA).await);
    assert!(portal::sign_in(story.ctx(), "acme", ADA, &first).await.is_ok());
    assert!(
        portal::sign_in(story.ctx(), "acme", ADA, &first).await.is_err(),
        "used twice"
    );

    let (story, _) = Story::begin().await;
    let late = code(story.order_code(ADA).await);
    story.bed.advance(portal::CODE_LIFE);
    assert!(
        portal::sign_in(story.ctx(), "acme", ADA, &late).await.is_err(),
        "too old"
    );

    let (story, _) = Story::begin().await;
    let guessed = code(story.order_code(ADA).await);
    let wrong = if guessed == "000000" { "000001" } else { "000000" };
    for _ in 0..portal::ATTEMPTS {
        assert!(portal::sign_in(story.ctx(), "acme", ADA, wrong).await.is_err());
    }
    assert!(
        portal::sign_in(story.ctx(), "acme", ADA, &guessed).await.is_err(),
        "after five wrong tries"
    );
}

#[tokio::test]
async fn an_address_gets_three_codes_in_a_quarter_of_an_hour() {
    let (story, _) = Story::begin().await;
    for _ in 0..3 {
        assert_eq!(story.order_code(ADA).await.len(), 1);
    }
    assert!(story.order_code(ADA).await.is_empty());
    story.bed.advance(TimeDelta::minutes(16));
    assert_eq!(story.order_code(ADA).await.len(), 1);
}

#[tokio::test]
async fn a_session_ends_after_an_hour_and_is_no_use_to_another_tenant() {
    let (story, ada) = Story::begin().await;
    let (caller, token) = story.sign_in().await;
    assert_eq!(
        (caller.email.as_deref(), caller.subjects.as_slice()),
        (Some(ADA), &[ada][..])
    );
    story.bed.world.sign_up("eve@other.example").await;
    let elsewhere = portal::authenticate(story.ctx(), "house-of-eve", token.expose()).await;
    assert!(matches!(elsewhere, Err(Error::Unauthenticated)));
    story.bed.advance(portal::SESSION_LIFE);
    assert!(matches!(story.caller(&token).await, Err(Error::Unauthenticated)));
}

#[tokio::test]
async fn a_second_request_of_a_kind_waits_for_the_answer_to_the_first() {
    let (story, ada) = Story::begin().await;
    let (caller, _) = story.sign_in().await;
    let first = story.request(&caller, RequestKind::Access).await.unwrap();
    assert_eq!(first.state, RequestState::Verified);
    assert_eq!(first.subject_id, Some(ada));
    let Err(Error::Conflict {
        code: "already_open",
        detail,
        ..
    }) = story.request(&caller, RequestKind::Access).await
    else {
        panic!("it was let through");
    };
    assert!(detail.contains(&first.id.to_string()));
    story.request(&caller, RequestKind::Erasure).await.unwrap();
    let tx = story.ctx().store.begin(&caller.scope).await.unwrap();
    withdraw(&tx, story.ctx(), first.id, None).await.unwrap();
    tx.save().await.unwrap();
    story.request(&caller, RequestKind::Access).await.unwrap();
}

#[tokio::test]
async fn an_access_request_ends_in_a_package_with_everything_and_a_mail() {
    let (story, _) = Story::begin().await;
    let (ctx, scope) = (story.ctx(), story.scope());
    // Somebody else's data have no place in it.
    let bob = story.person("bob", None).await;
    let _standing = story.bed.person("bob").await;
    story
        .bed
        .try_say("main", Some(bob), "hello from bob")
        .await
        .unwrap();
    let (caller, _) = story.sign_in().await;
    let request = story.request(&caller, RequestKind::Access).await.unwrap();
    story.mails().await;
    let request = begin(ctx, scope, request.id).await.unwrap();
    let request = exports::build(ctx, scope, request).await.unwrap();
    assert_eq!(request.state, RequestState::Completed);
    let outcome = Outcome::of(&request).unwrap().unwrap();
    assert_eq!(
        (outcome.messages, outcome.consents, outcome.connections),
        (2, 1, 1)
    );
    let mails = story.mails().await;
    assert_eq!(
        (mails[0].template.as_str(), mails[0].to.as_str()),
        ("request_completed_access", ADA)
    );

    let whole = story.download(&request).await.unwrap();
    let tx = story.bed.read().await;
    let export = exports::find(&tx, ctx, &request).await.unwrap().unwrap();
    drop(tx);
    assert_eq!(
        (usize::try_from(export.size).unwrap(), export.downloads),
        (whole.len(), 1)
    );
    let mut zip = ZipArchive::new(Cursor::new(whole)).unwrap();
    let data: serde_json::Value = serde_json::from_str(&read(&mut zip, "data.json")).unwrap();
    assert_eq!(data["person"]["external_id"], "ada");
    assert_eq!(data["messages"][0]["content"], "hello from ada");
    assert_eq!(data["messages"][1]["content"]["more"], 1);
    assert_eq!(data["consents"][0]["evidence"]["box"], "ticked");
    assert_eq!(data["connections"][0]["network"], "192.0.2.0/24");
    let table = read(&mut zip, "messages.csv");
    assert!(table.contains("hello from ada") && !table.contains("bob"));
    assert_eq!(table.lines().count(), 3);
    assert!(read(&mut zip, "consents.csv").contains("web-form"));
    let page = read(&mut zip, "README.html");
    for needle in [
        "Acme",
        "ada",
        ADA,
        "P30D",
        "supervisory authority",
        "Art. 15(1)",
        "(h) Automated decisions",
    ] {
        assert!(page.contains(needle), "{needle} is missing in {page}");
    }
    assert!(
        receipt(ctx, scope, &request)
            .await
            .unwrap()
            .contains("tlog-proof")
    );

    let sealed = story
        .count::<export_part::Entity>(export_part::Column::Number.gte(0))
        .await;
    assert!(sealed > 0);
    story.bed.advance(exports::KEPT);
    assert!(matches!(story.download(&request).await, Err(Error::Gone { .. })));
    crate::housekeeping::sweep(ctx).await.unwrap();
    assert_eq!(
        story
            .count::<export_part::Entity>(export_part::Column::Number.gte(0))
            .await,
        0
    );
}

#[tokio::test]
async fn an_export_that_was_cut_off_is_made_again_without_leftovers() {
    let (story, ada) = Story::begin().await;
    let (ctx, scope) = (story.ctx(), story.scope());
    let tx = ctx.store.begin(scope).await.unwrap();
    let new = NewForSubject {
        kind: RequestKind::Access,
        subject: ada,
        note: Some("by letter".into()),
        notify: false,
        details: Details::default(),
        language: None,
    };
    let request = create_for_subject(&tx, ctx, new).await.unwrap();
    tx.save().await.unwrap();
    let request = begin(ctx, scope, request.id).await.unwrap();
    // What a process that died in the middle leaves: parts, and a request that names them.
    let leftover = ctx.ids.next();
    let tx = ctx.store.begin(scope).await.unwrap();
    tx.insert(export_part::ActiveModel {
        export_id: Set(leftover),
        number: Set(0),
        sealed: Set(vec![1]),
        ..Default::default()
    })
    .await
    .unwrap();
    tx.update_many::<request::Entity>()
        .set(request::ActiveModel {
            export_id: Set(Some(leftover)),
            ..Default::default()
        })
        .filter(request::Column::Id.eq(request.id))
        .exec(tx.conn())
        .await
        .unwrap();
    tx.save().await.unwrap();
    let request = begin(ctx, scope, request.id).await.unwrap();
    let request = exports::build(ctx, scope, request).await.unwrap();
    assert_eq!(
        story
            .count::<export_part::Entity>(export_part::Column::ExportId.eq(leftover))
            .await,
        0
    );
    assert!(ZipArchive::new(Cursor::new(story.download(&request).await.unwrap())).is_ok());
    assert!(story.mails().await.is_empty(), "the tenant asked for no mails");
}

#[tokio::test]
async fn an_export_whose_request_was_withdrawn_meanwhile_is_thrown_away() {
    let (story, _) = Story::begin().await;
    let (ctx, scope) = (story.ctx(), story.scope());
    let (caller, _) = story.sign_in().await;
    let request = story.request(&caller, RequestKind::Access).await.unwrap();
    let request = begin(ctx, scope, request.id).await.unwrap();
    let tx = ctx.store.begin(&caller.scope).await.unwrap();
    withdraw(&tx, ctx, request.id, None).await.unwrap();
    tx.save().await.unwrap();
    let built = exports::build(ctx, scope, request.clone()).await;
    assert!(matches!(
        built,
        Err(Error::Conflict {
            code: "wrong_state",
            ..
        })
    ));
    assert_eq!(
        story
            .count::<export_part::Entity>(export_part::Column::Number.gte(0))
            .await,
        0
    );
    assert!(story.download(&request).await.is_err());
}

#[tokio::test]
async fn the_page_of_a_package_speaks_the_language_of_the_person() {
    let (story, _) = Story::begin().await;
    let (ctx, scope) = (story.ctx(), story.scope());
    let (caller, _) = story.sign_in().await;
    let request = story.request(&caller, RequestKind::Access).await.unwrap();
    let tx = ctx.store.begin(scope).await.unwrap();
    tx.update(request::ActiveModel {
        id: Set(request.id),
        language: Set(Some("pl-PL".to_owned())),
        ..Default::default()
    })
    .await
    .unwrap();
    tx.save().await.unwrap();
    let request = begin(ctx, scope, request.id).await.unwrap();
    let request = exports::build(ctx, scope, request).await.unwrap();
    let mut zip = ZipArchive::new(Cursor::new(story.download(&request).await.unwrap())).unwrap();
    let page = read(&mut zip, "README.html");
    for needle in [
        "<html lang=\"pl\">",
        "Twoje dane w Acme",
        "art. 15 ust. 1 RODO",
        "udzielona",
        "organu nadzorczego",
    ] {
        assert!(page.contains(needle), "{needle} is missing in {page}");
    }
    assert!(!page.contains("Your "), "{page}");
}

#[tokio::test]
async fn requests_are_forgotten_when_even_their_record_need_not_be_kept() {
    let (story, _) = Story::begin().await;
    let (caller, _) = story.sign_in().await;
    let request = story.request(&caller, RequestKind::Access).await.unwrap();
    let tx = story.ctx().store.begin(&caller.scope).await.unwrap();
    withdraw(&tx, story.ctx(), request.id, None).await.unwrap();
    tx.save().await.unwrap();
    story.bed.advance(TimeDelta::days(3 * 365));
    assert_eq!(
        crate::housekeeping::sweep_requests(story.ctx()).await.unwrap(),
        0,
        "36 months are not over"
    );
    story.bed.advance(TimeDelta::days(32));
    assert_eq!(crate::housekeeping::sweep_requests(story.ctx()).await.unwrap(), 1);
    let tx = story.bed.read().await;
    assert!(events(&tx, &[request.id]).await.unwrap().is_empty());
}

#[tokio::test]
async fn whoever_asked_to_be_erased_can_follow_that_to_its_end() {
    let (story, ada) = Story::begin().await;
    let (ctx, scope) = (story.ctx(), story.scope());
    let (caller, token) = story.sign_in().await;
    let asked = story.request(&caller, RequestKind::Erasure).await.unwrap();
    let asked = begin(ctx, scope, asked.id).await.unwrap();
    let erasing = erasure::hide(ctx, scope, asked).await.unwrap();

    let caller = story.caller(&token).await.unwrap();
    assert_eq!(
        (caller.subjects.as_slice(), caller.leaving.as_slice()),
        ([].as_slice(), [ada].as_slice())
    );
    assert_eq!(story.seen_by(&caller).await, [erasing.request.id]);

    erasure::carry_out(ctx, scope, &erasing).await.unwrap();
    let caller = story.caller(&token).await.unwrap();
    assert!(caller.leaving.is_empty());
    assert_eq!(story.seen_by(&caller).await, [erasing.request.id]);
}

#[tokio::test]
async fn an_erased_person_leaves_nothing_that_names_them_and_gets_a_receipt() {
    let (story, ada) = Story::begin().await;
    let (ctx, scope) = (story.ctx(), story.scope());
    let bob = story.person("bob", Some("bob@example.org")).await;
    let _bob = story.bed.person("bob").await;
    story
        .bed
        .try_say("main", Some(bob), "hello from bob")
        .await
        .unwrap();
    let (caller, token) = story.sign_in().await;
    // An export made before hangs on the same key.
    let access = story.request(&caller, RequestKind::Access).await.unwrap();
    let access = begin(ctx, scope, access.id).await.unwrap();
    let access = exports::build(ctx, scope, access).await.unwrap();
    let tx = story.bed.read().await;
    let export = exports::find(&tx, ctx, &access).await.unwrap().unwrap();
    let sealed: Vec<_> = tx.find::<export_part::Entity>().all(tx.conn()).await.unwrap();
    drop(tx);
    let erasure = story.request(&caller, RequestKind::Erasure).await.unwrap();
    let erasure = begin(ctx, scope, erasure.id).await.unwrap();
    story.mails().await;

    let done = story.erase(erasure).await;
    assert_eq!(done.state, RequestState::Completed);
    assert_eq!((done.subject_id, &done.email_sealed), (None, &None));
    let outcome = Outcome::of(&done).unwrap().unwrap();
    assert_eq!(
        (outcome.messages, outcome.connections, outcome.consents),
        (2, 1, 1)
    );
    assert!(outcome.keys >= 1);

    let name = SubjectKeyName::for_record(scope.tenant(), ada);
    assert!(ctx.keys.subject(name).await.unwrap().is_none());
    assert_eq!(sealed.len(), 1);
    // The sealed bytes of the export are still at hand here, as in a backup. There is no key to open them with.
    let lock = ctx
        .keys
        .subject_or_new(SubjectKeyName::for_record(scope.tenant(), bob))
        .await
        .unwrap();
    assert!(
        lock.open_chunk(&format!("export/{}", export.id), 0, true, &sealed[0].sealed)
            .is_err()
    );
    assert!(matches!(story.download(&access).await, Err(Error::Gone { .. })));

    assert_eq!(
        story.count::<subject::Entity>(subject::Column::Id.eq(ada)).await,
        0
    );
    assert_eq!(
        story
            .count::<message::Entity>(message::Column::SubjectId.eq(ada))
            .await,
        0
    );
    assert_eq!(
        story
            .count::<message::Entity>(message::Column::SubjectId.eq(bob))
            .await,
        1
    );
    assert_eq!(
        story
            .count::<consent_event::Entity>(consent_event::Column::SubjectId.eq(ada))
            .await,
        0
    );
    assert_eq!(
        story
            .count::<connection::Entity>(connection::Column::SubjectId.eq(ada))
            .await,
        0
    );
    assert_eq!(
        story
            .count::<connection::Entity>(connection::Column::Address.is_not_null())
            .await,
        0
    );
    assert_eq!(
        story
            .count::<audit_event::Entity>(audit_event::Column::SubjectId.eq(ada))
            .await,
        0
    );
    let named = audit_event::Column::TargetId.eq(ada.to_string());
    assert_eq!(story.count::<audit_event::Entity>(named).await, 0);
    let index = caller.email_index.clone();
    assert_eq!(
        story
            .count::<request::Entity>(request::Column::EmailIndex.eq(index.clone()))
            .await,
        0
    );
    assert_eq!(
        story
            .count::<portal_code::Entity>(portal_code::Column::EmailIndex.eq(index))
            .await,
        0
    );

    // The person, still on the page, sees how it ended and nothing else.
    let caller = story.caller(&token).await.unwrap();
    assert_eq!((caller.email.as_deref(), caller.subjects.len()), (None, 0));
    assert_eq!(story.seen_by(&caller).await, [done.id, access.id]);

    // The mail proves to them, and to nobody else, that the receipt is theirs.
    let mails = story.mails().await;
    assert_eq!(
        (mails[0].template.as_str(), mails[0].to.as_str()),
        ("request_completed_erasure", ADA)
    );
    let opening = &mails[0].values["opening"];
    let salt: [u8; 32] = hex::decode(opening["salt"].as_str().unwrap())
        .unwrap()
        .try_into()
        .unwrap();
    let commitment = crate::log::commitment(&salt, ada.0.as_bytes());
    let receipt = receipt(ctx, scope, &done).await.unwrap();
    let proof = ledger::Receipt::parse(&receipt).unwrap();
    let leaf: serde_json::Value = serde_json::from_slice(proof.extra.as_deref().unwrap()).unwrap();
    assert_eq!(leaf["subject_commitment"], commitment);
    assert_eq!(leaf["facts"]["messages"], 2);
    let salts = audit_event::Column::Salt.is_not_null();
    let kept = story.count::<audit_event::Entity>(salts).await;
    assert!(kept > 0, "bob's salts stay");
}

#[tokio::test]
async fn an_erasure_goes_on_wherever_it_was_cut_off() {
    let (story, ada) = Story::begin().await;
    let (ctx, scope) = (story.ctx(), story.scope());
    let (caller, _) = story.sign_in().await;
    let request = story.request(&caller, RequestKind::Erasure).await.unwrap();
    let request = begin(ctx, scope, request.id).await.unwrap();
    // Cut off after the person was hidden.
    drop(erasure::hide(ctx, scope, request.clone()).await.unwrap());
    // Cut off after the keys and half of the rows were gone.
    ctx.keys.destroy_subject(scope.tenant(), ada).await.unwrap();
    let tx = ctx.store.begin(scope).await.unwrap();
    crate::messages::erase_subject(&tx, ada, 1).await.unwrap();
    tx.save().await.unwrap();
    let done = story.erase(request.clone()).await;
    assert_eq!(done.state, RequestState::Completed);
    assert_eq!(
        story
            .count::<message::Entity>(message::Column::SubjectId.eq(ada))
            .await,
        0
    );
    // Once more, as when the end of the job was not noted: nothing is done twice.
    assert!(matches!(
        erasure::hide(ctx, scope, done).await,
        Err(Error::Conflict {
            code: "wrong_state",
            ..
        })
    ));
    let again = begin(ctx, scope, request.id).await.unwrap();
    assert_eq!(again.state, RequestState::Completed);
}

#[tokio::test]
async fn whoever_comes_back_after_erasure_is_somebody_new() {
    let (story, ada) = Story::begin().await;
    let (ctx, scope) = (story.ctx(), story.scope());
    let (caller, _) = story.sign_in().await;
    let request = story.request(&caller, RequestKind::Erasure).await.unwrap();
    let request = begin(ctx, scope, request.id).await.unwrap();
    let (_, _standing) = story.bed.person("ada").await;
    let on_its_way = story
        .bed
        .admit("main", Some(ada), "admitted just before")
        .unwrap();
    let erasing = erasure::hide(ctx, scope, request).await.unwrap();
    // In the middle of the erasure already.
    let standing = ctx.standings.load(&ctx.store, scope, ada).await.unwrap();
    assert!(standing.is_gone());
    assert_ne!(subjects::get_or_create(ctx, scope, "ada").await.unwrap(), ada);
    assert!(story.bed.admit("main", Some(ada), "too late").is_err());
    let entry = story.bed.entry("main", Some(ada), on_its_way);
    assert!(story.bed.journal.record(entry, Box::new(|_| {})).await.is_err());
    erasure::carry_out(ctx, scope, &erasing).await.unwrap();
    assert_ne!(subjects::get_or_create(ctx, scope, "ada").await.unwrap(), ada);
}

#[tokio::test]
async fn what_the_law_keeps_is_for_a_person_to_decide() {
    let (story, ada) = Story::begin().await;
    let (ctx, scope) = (story.ctx(), story.scope());
    let books = story.purpose("books", LawfulBasis::LegalObligation).await;
    let tx = ctx.store.begin(scope).await.unwrap();
    tx.update_many::<entity::retention_class::Entity>()
        .set(entity::retention_class::ActiveModel {
            purpose_id: Set(Some(books)),
            ..Default::default()
        })
        .exec(tx.conn())
        .await
        .unwrap();
    tx.save().await.unwrap();
    let (caller, _) = story.sign_in().await;
    let request = story.request(&caller, RequestKind::Erasure).await.unwrap();
    let request = begin(ctx, scope, request.id).await.unwrap();
    assert_eq!(request.state, RequestState::Approval);
    story.mails().await;

    let tx = ctx.store.begin(scope).await.unwrap();
    let Err(Error::Invalid(faults)) = refuse(&tx, ctx, request.id, None, "because", " ").await else {
        panic!("it was taken");
    };
    let fields: Vec<_> = faults.iter().map(|fault| fault.field.as_str()).collect();
    assert_eq!(fields, ["/code", "/text"]);
    let refused = refuse(
        &tx,
        ctx,
        request.id,
        Some(request.version),
        "legal_obligation",
        "Ten years of books.",
    )
    .await
    .unwrap();
    tx.save().await.unwrap();
    assert_eq!(refused.state, RequestState::Refused);
    let mails = story.mails().await;
    assert_eq!(
        (mails[0].template.as_str(), mails[0].to.as_str()),
        ("request_refused", ADA)
    );
    for word in ["because", "complaint", "remedy"] {
        assert!(
            mails[0].values[word]
                .as_str()
                .is_some_and(|text| !text.is_empty()),
            "{word}"
        );
    }
    assert_eq!(
        story.count::<subject::Entity>(subject::Column::Id.eq(ada)).await,
        1
    );

    // Asked again and approved, it is carried out.
    let request = story.request(&caller, RequestKind::Erasure).await.unwrap();
    let request = begin(ctx, scope, request.id).await.unwrap();
    let tx = ctx.store.begin(scope).await.unwrap();
    let approved = approve(&tx, ctx, request.id, None).await.unwrap();
    tx.save().await.unwrap();
    assert_eq!(story.erase(approved).await.state, RequestState::Completed);
}

#[tokio::test]
async fn what_is_due_is_told_once_per_stage_and_what_is_stale_expires() {
    let (story, ada) = Story::begin().await;
    let (ctx, scope) = (story.ctx(), story.scope());
    let tx = ctx.store.begin(scope).await.unwrap();
    // Owners who never proved their address get no mail.
    for account in tx
        .find_shared::<entity::account::Entity>()
        .all(tx.conn())
        .await
        .unwrap()
    {
        tx.update_shared(entity::account::ActiveModel {
            id: Set(account.id),
            email_verified_at: Set(Some(ctx.now())),
            ..Default::default()
        })
        .await
        .unwrap();
    }
    let new = NewForSubject {
        kind: RequestKind::Access,
        subject: ada,
        note: None,
        notify: false,
        details: Details::default(),
        language: None,
    };
    let request = create_for_subject(&tx, ctx, new).await.unwrap();
    tx.save().await.unwrap();
    story.mails().await;
    assert_eq!(remind(ctx).await.unwrap(), 0, "there is time");
    story.bed.advance(request.due_at - ctx.now() - TimeDelta::days(2));
    assert_eq!(remind(ctx).await.unwrap(), 1);
    assert_eq!(remind(ctx).await.unwrap(), 0, "once is enough");
    let mails = story.mails().await;
    assert_eq!(mails.len(), 1);
    assert_eq!(mails[0].values["stage"], "due");
    story.bed.advance(TimeDelta::days(3));
    assert_eq!(remind(ctx).await.unwrap(), 1);
    assert_eq!(story.mails().await[0].values["stage"], "overdue");
    let tx = story.bed.read().await;
    let filter = Filter {
        overdue: Some(true),
        ..Filter::default()
    };
    let overdue = list(&tx, ctx, &filter, &PageIn::new(None, None).unwrap())
        .await
        .unwrap();
    assert_eq!(overdue.items.len(), 1);
}

#[tokio::test]
async fn a_restriction_ends_when_it_was_announced_and_not_before() {
    let (story, ada) = Story::begin().await;
    let (ctx, scope) = (story.ctx(), story.scope());
    let (caller, _) = story.sign_in().await;
    let request = story.request(&caller, RequestKind::Restriction).await.unwrap();
    let request = begin(ctx, scope, request.id).await.unwrap();
    let standing = ctx.standings.load(&ctx.store, scope, ada).await.unwrap();
    let applied = apply(ctx, scope, request).await.unwrap();
    assert!(standing.is_restricted(), "it acts before it is answered");
    let request = complete(ctx, scope, &applied).await.unwrap();
    assert_eq!(request.state, RequestState::Completed);
    let tx = ctx.store.begin(scope).await.unwrap();
    let error = subjects::unrestrict(&tx, ctx, ada).await.unwrap_err();
    assert!(
        matches!(
            error,
            Error::Conflict {
                code: "notice_required",
                ..
            }
        ),
        "{error}"
    );
    drop(tx);
    let tx = ctx.store.begin(scope).await.unwrap();
    let lifting = Lifting {
        text: "we checked".into(),
        ..Lifting::default()
    };
    let announced = announce_lifting(&tx, ctx, request.id, None, lifting)
        .await
        .unwrap();
    tx.save().await.unwrap();
    assert_eq!(announced.lift_at, Some(ctx.now() + NOTICE));
    assert_eq!(lift_due(ctx).await.unwrap(), 0);
    story.bed.advance(NOTICE);
    assert_eq!(lift_due(ctx).await.unwrap(), 1);
    assert!(!standing.is_restricted());
    assert_eq!(lift_due(ctx).await.unwrap(), 0, "once");
}

#[tokio::test]
async fn an_objection_reaches_who_is_connected_and_can_be_lifted() {
    let (story, ada) = Story::begin().await;
    let (ctx, scope) = (story.ctx(), story.scope());
    let purpose = story.purpose("profiling", LawfulBasis::LegitimateInterests).await;
    let (caller, _) = story.sign_in().await;
    let tx = ctx.store.begin(&caller.scope).await.unwrap();
    let details = Details {
        purposes: vec![purpose],
        ..Details::default()
    };
    let request = create_from_portal(&tx, ctx, &caller, RequestKind::Objection, details, None)
        .await
        .unwrap();
    tx.save().await.unwrap();
    let request = begin(ctx, scope, request.id).await.unwrap();
    let standing = ctx.standings.load(&ctx.store, scope, ada).await.unwrap();
    for _ in 0..2 {
        // A crash in between is mended by doing it again.
        apply(ctx, scope, request.clone()).await.unwrap();
    }
    assert!(standing.objects_to(purpose));
    let applied = apply(ctx, scope, request).await.unwrap();
    let request = complete(ctx, scope, &applied).await.unwrap();
    let tx = ctx.store.begin(scope).await.unwrap();
    let lifting = Lifting {
        text: "compelling grounds".into(),
        ..Lifting::default()
    };
    announce_lifting(&tx, ctx, request.id, None, lifting)
        .await
        .unwrap();
    tx.save().await.unwrap();
    story.bed.advance(NOTICE);
    assert_eq!(lift_due(ctx).await.unwrap(), 1);
    assert!(!standing.objects_to(purpose));
}

#[tokio::test]
async fn a_clock_that_stood_still_for_days_ends_later_by_as_many() {
    let (story, _) = Story::begin().await;
    let ctx = story.ctx();
    let (caller, _) = story.sign_in().await;
    let request = story.request(&caller, RequestKind::Access).await.unwrap();
    let tx = ctx.store.begin(story.scope()).await.unwrap();
    pause(&tx, ctx, request.id, None, "clarification", "which year?")
        .await
        .unwrap();
    tx.save().await.unwrap();
    let waiting = begin(ctx, story.scope(), request.id).await.unwrap();
    assert_eq!(waiting.state, RequestState::Verified, "it waits for the person");
    story.bed.advance(TimeDelta::days(10));
    let tx = ctx.store.begin(story.scope()).await.unwrap();
    let resumed = resume(&tx, ctx, request.id, None).await.unwrap();
    tx.save().await.unwrap();
    let moved = (resumed.due_at - request.due_at).num_days();
    assert!(
        (10..=12).contains(&moved),
        "{moved} days: ten, and perhaps a weekend"
    );
    let going_on = begin(ctx, story.scope(), request.id).await.unwrap();
    assert_eq!(going_on.state, RequestState::InProgress);
}

#[tokio::test]
async fn what_is_late_is_said_again_and_again_and_to_more_people() {
    let (story, _) = Story::begin().await;
    let (caller, _) = story.sign_in().await;
    let request = story.request(&caller, RequestKind::Access).await.unwrap();
    story.mails().await;
    assert_eq!(remind(story.ctx()).await.unwrap(), 0);
    for (before, expected) in [(6, 1), (6, 0), (2, 1), (0, 1), (-1, 1), (-2, 1)] {
        let at = request.due_at - TimeDelta::days(before) - TimeDelta::hours(1);
        let now = story.ctx().now();
        if at > now {
            story.bed.advance(at - now);
        }
        assert_eq!(
            remind(story.ctx()).await.unwrap(),
            expected,
            "{before} days before"
        );
    }
}
