//! The vectors that implementations of Certificate Transparency share: eight leaves, their roots and some proofs.

use ledger::{Frontier, Hash, Tiles, empty_root, leaf_hash, proof, verify_consistency, verify_inclusion};

use crate::support::{at, tiles};

const LEAVES: [&str; 8] = [
    "",
    "00",
    "10",
    "2021",
    "3031",
    "40414243",
    "5051525354555657",
    "606162636465666768696a6b6c6d6e6f",
];

const ROOTS: [&str; 8] = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

/// Index from 0, size, path.
const INCLUSION: [(u64, u64, &[&str]); 5] = [
    (
        0,
        8,
        &[
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    ),
    (
        5,
        8,
        &[
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
    (
        2,
        3,
        &["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"],
    ),
    (
        1,
        5,
        &[
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        ],
    ),
    (0, 1, &[]),
];

/// Old size, new size, proof.
const CONSISTENCY: [(u64, u64, &[&str]); 5] = [
    (1, 1, &[]),
    (
        1,
        8,
        &[
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    ),
    (
        6,
        8,
        &[
            "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
    (
        2,
        5,
        &[
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        ],
    ),
    (
        6,
        7,
        &[
            "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
            "b08693ec2e721597130641e8211e7eedccb4c26413963eee6c1e2ed16ffb1a5f",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
];

fn hashes(hex: &[&str]) -> Vec<Hash> {
    hex.iter().map(|one| Hash::from_hex(one).unwrap()).collect()
}

fn leaf_hashes() -> Vec<Hash> {
    LEAVES
        .iter()
        .map(|hex| leaf_hash(&hex::decode(hex).unwrap()))
        .collect()
}

#[test]
fn the_roots_are_the_published_ones() {
    let (leaves, roots) = (leaf_hashes(), hashes(&ROOTS));
    let mut frontier = Frontier::new();
    assert_eq!(
        frontier.root().to_hex(),
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    );
    assert_eq!(proof::root(0, &Tiles::new()), Ok(empty_root()));
    for (size, (leaf, root)) in (1..).zip(leaves.iter().zip(&roots)) {
        frontier.append(*leaf);
        assert_eq!((frontier.size(), frontier.root()), (size, *root));
        assert_eq!(proof::root(size, &tiles(&leaves)), Ok(*root));
    }
}

#[test]
fn the_inclusion_proofs_are_the_published_ones() {
    let (leaves, roots) = (leaf_hashes(), hashes(&ROOTS));
    for (index, size, path) in INCLUSION {
        let path = hashes(path);
        assert_eq!(proof::inclusion(index, size, &tiles(&leaves)), Ok(path.clone()));
        let verified = verify_inclusion(&leaves[at(index)], index, size, &path, &roots[at(size) - 1]);
        assert_eq!(verified, Ok(()), "entry {index} of {size}");
    }
}

#[test]
fn the_consistency_proofs_are_the_published_ones() {
    let (leaves, roots) = (leaf_hashes(), hashes(&ROOTS));
    for (old, new, path) in CONSISTENCY {
        let path = hashes(path);
        let root = |size: u64| &roots[at(size) - 1];
        assert_eq!(proof::consistency(old, new, &tiles(&leaves)), Ok(path.clone()));
        assert_eq!(
            verify_consistency(old, new, &path, root(old), root(new)),
            Ok(()),
            "{old} to {new}"
        );
    }
}

/// What a Go implementation of the same tree says about the entries `entry 0` to `entry 299`.
#[test]
fn an_independent_implementation_agrees_beyond_one_tile() {
    let tiles = tiles(&crate::support::leaves(300));
    let base64 = |hash: Hash| hash.to_base64();
    assert_eq!(
        proof::root(300, &tiles).map(base64).as_deref(),
        Ok("yjk9Apa+xeC43KuYO9H7fRRh9RLnJny4ljGtJv1m2Eg=")
    );
    assert_eq!(
        proof::root(259, &tiles).map(base64).as_deref(),
        Ok("FAsBDe2GvfEm98+G8hwjusHO4hWy1R8+ZKImAnxPMgA=")
    );
    let consistency: Vec<_> = proof::consistency(259, 300, &tiles)
        .unwrap()
        .into_iter()
        .map(base64)
        .collect();
    assert_eq!(
        consistency,
        [
            "GszVt3annZaUMdGFTP0oe5LD6RnQs5+7l3yicvRHi4w=",
            "c0V9+vBTvXTQjOgU206VM7ztGC5OfCwltDlbSADMlG4=",
            "VI2Y58B1WvUctGyRuDIDa+j3igTyFBKGCtnILnWSSbI=",
            "7A6bpI1GmR6NGFgFuj/BgvreGpnnWjMh7jpUpfFX/9Y=",
            "j5skCCcPLx74uhIGjb2eVcJW3MNaAyitOgRkyFHQZow=",
            "v0dikrucGz5rXeXt96RtXdQFP3sKvfT+qOw4RgGnaMA=",
            "2NT2AO7LLoXzveZkQaIJHqJC72yUTyHkuXtq8nXuqsc=",
            "2mWW2VNp9f7zIquOTg2jsLUCNqqcijsdJG90Ecni4y4=",
        ]
    );
}
