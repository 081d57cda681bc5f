//! Data, keys and root key that belong together.

use std::path::Path;

use domain::{
    Error,
    installation::{self, Mark},
    keys::Pages,
    tenancy::Store,
};
use vault::{
    chance::{self, SystemChance},
    key::RootKey,
};

use super::{Place, Upgrade, Which, fits, open_one, places, roots};
use crate::{
    data_folder::DataFolder,
    settings::Settings,
    trouble::{Trouble, chain},
};

/// Keys whose data are gone: a new store beside them would be a mistake in most cases.
pub(super) async fn refuse_orphaned_keys(
    vault: &Store,
    vault_at: &Place,
    data_at: &Place,
) -> Result<(), Trouble> {
    if !installation::has_keys(vault)
        .await
        .map_err(|error| unreadable(&error))?
    {
        return Ok(());
    }
    Err(Trouble::new(
        format!(
            "the vault in {} has keys to data that are missing: there is no {}",
            vault_at.shown, data_at.shown
        ),
        "put the data back with `weir restore --from FILE`; to begin anew, move the whole data folder away",
    ))
}

/// The stores that the settings name, to move an installation into: up to date, and empty but for what an earlier, interrupted
/// move brought there.
pub(crate) async fn open_empty(
    settings: &Settings,
    folder: &DataFolder,
    mark: &Mark,
) -> Result<(Store, Store), Trouble> {
    let (data_place, vault_place) = places(settings, folder);
    let (keys, _) = open_one(Which::Vault, &vault_place, settings, Upgrade::Do).await?;
    let (data, _) = open_one(Which::Data, &data_place, settings, Upgrade::Do).await?;
    let of_data = installation::mark_of_data(&data).await;
    let of_keys = installation::mark_of_keys(&keys).await;
    match (
        of_data.map_err(|e| unreadable(&e))?,
        of_keys.map_err(|e| unreadable(&e))?,
    ) {
        (None, None) => Ok((data, keys)),
        // An earlier move did not come to its end.
        (None, Some(known)) if known.installation == mark.installation => Ok((data, keys)),
        (Some(known), _) if known.installation == mark.installation => Err(Trouble::new(
            "this installation was moved there already",
            "start weir with these settings",
        )),
        _ => Err(Trouble::new(
            "there is another installation in the databases that the settings name",
            "make two empty databases for this one; docs/operations.md, \"Postgres\", says how",
        )),
    }
}

/// The root key, made at the first start; and both stores marked as belonging to it.
pub(super) async fn root_keys(
    settings: &Settings,
    folder: &DataFolder,
    data: &Store,
    vault: &Store,
) -> Result<Vec<RootKey>, Trouble> {
    let of_data = installation::mark_of_data(data)
        .await
        .map_err(|error| unreadable(&error))?;
    let of_keys = installation::mark_of_keys(vault)
        .await
        .map_err(|error| unreadable(&error))?;
    let mut roots = roots::given(settings, folder)?;
    let is_new = of_data.is_none() && of_keys.is_none();
    if roots.is_empty() {
        if is_new {
            roots.push(folder.make_root_key()?);
        } else {
            return Err(Trouble::new(
                format!(
                    "there are data, but the root key is missing: there is no {}",
                    folder.root_key_file().display()
                ),
                "put root.key back, or set WEIR_ROOT_KEY; without it nothing sealed can be opened",
            ));
        }
    }
    for (mark, name) in [(&of_keys, "vault"), (&of_data, "store")] {
        if mark.as_ref().is_some_and(|mark| !fits(mark, &roots)) {
            return Err(Trouble::new(
                format!("the root key is not the one that the {name} was made with"),
                "put back the root.key of this installation, or set WEIR_ROOT_KEY to it",
            ));
        }
    }
    match (of_data, of_keys) {
        (Some(data), Some(keys)) if data.installation != keys.installation => {
            return Err(Trouble::new(
                "the store and the vault are of two different installations",
                "put back the vault that belongs to these data, or the data that belong to this vault",
            ));
        }
        (Some(_), Some(_)) => {}
        (Some(_), None) => {
            return Err(Trouble::new(
                "there are data, but the vault is empty: the keys to them are missing",
                "put back the vault that belongs to these data; to begin anew, move the whole data folder away",
            ));
        }
        (None, Some(mark)) => {
            // A first start that was interrupted, unless there are keys already.
            if installation::has_keys(vault)
                .await
                .map_err(|error| unreadable(&error))?
            {
                return Err(Trouble::new(
                    "the vault has keys, but the store is empty: the data to them are missing",
                    "put the data back with `weir restore --from FILE --force`",
                ));
            }
            installation::mark_data(data, &mark)
                .await
                .map_err(|error| unwritten(&error))?;
        }
        (None, None) => {
            let id = uuid::Builder::from_random_bytes(chance::bytes(&SystemChance)).into_uuid();
            let mark = Mark::new(id, &roots[0]);
            installation::mark_keys(vault, &mark)
                .await
                .map_err(|error| unwritten(&error))?;
            installation::mark_data(data, &mark)
                .await
                .map_err(|error| unwritten(&error))?;
        }
    }
    Ok(roots)
}

/// The file of page keys, made at the first start.
pub(super) async fn pages(path: &Path, vault: &Store) -> Result<Pages, Trouble> {
    let used = installation::has_pages(vault)
        .await
        .map_err(|error| unreadable(&error))?;
    if used && !path.exists() {
        return Err(Trouble::new(
            format!("the page keys are missing: there is no {}", path.display()),
            "put pages.key back together with the vault's copy that it was made with; where several processes share a vault, \
             name the file that they share (page_keys); without it no key of the vault opens",
        ));
    }
    let pages = Pages::open(path, &SystemChance).map_err(|error| {
        Trouble::new(
            format!("the page keys in {} cannot be opened", path.display()),
            "check who may read and write it; if it is damaged, put back your copies of it and of the vault, both of the same moment",
        )
        .because(error)
    })?;
    let known = installation::file_of_pages(vault, pages.id())
        .await
        .map_err(|error| unwritten(&error))?;
    if known != pages.id() {
        return Err(Trouble::new(
            format!(
                "{} is not the file of page keys that this vault works with",
                path.display()
            ),
            "all processes on one vault share one file: name it with page_keys (WEIR_PAGE_KEYS); or put back the file that \
             belongs to this vault",
        ));
    }
    Ok(pages)
}

fn unreadable(error: &Error) -> Trouble {
    Trouble::new(
        "the stores open, but cannot be read",
        "`weir doctor` may say more",
    )
    .because(chain(error))
}

fn unwritten(error: &Error) -> Trouble {
    Trouble::new(
        "the stores open, but cannot be written to",
        "check space and rights",
    )
    .because(chain(error))
}
