//! The rights that a person has follow from what makes the processing lawful. The mapping is data: DPV 2.3, module
//! `legal_basis_rights_mapping` of its EU GDPR extension, checked in as `data/legal_basis_rights.csv`.

use std::sync::LazyLock;

use entity::purpose::LawfulBasis;

/// A right, by its article of the GDPR.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Right {
    /// The article: `A17`, `A7-3`.
    pub article: &'static str,
    /// What people call it.
    pub name: &'static str,
}

impl Right {
    /// How DPV calls it.
    pub fn dpv(self) -> String {
        format!("eu-gdpr:{}", self.article)
    }
}

/// Every right that the mapping names.
pub const ALL: &[Right] = &[
    right("A7-3", "withdraw consent"),
    right("A13", "be informed"),
    right("A14", "be informed of data from elsewhere"),
    right("A15", "access"),
    right("A16", "rectification"),
    right("A17", "erasure"),
    right("A18", "restriction"),
    right("A20", "portability"),
    right("A21", "object"),
    right("A22", "not be subject to automated decisions"),
    right("A77", "complain to an authority"),
];

const fn right(article: &'static str, name: &'static str) -> Right {
    Right { article, name }
}

struct Row {
    basis: &'static str,
    dpv: &'static str,
    rights: Vec<Right>,
}

static MAPPING: LazyLock<Vec<Row>> = LazyLock::new(|| {
    include_str!("../data/legal_basis_rights.csv")
        .lines()
        .skip(1)
        .filter_map(|line| {
            let mut cells = line.split(',');
            let (basis, dpv, rights) = (cells.next()?, cells.next()?, cells.next()?);
            let known = |article| ALL.iter().find(|right| right.article == article).copied();
            let rights = rights.split(' ').filter_map(known).collect();
            Some(Row { basis, dpv, rights })
        })
        .collect()
});

fn row(basis: LawfulBasis) -> Option<&'static Row> {
    MAPPING.iter().find(|row| row.basis == basis.as_str())
}

/// The rights that a person has where this is the basis.
pub fn of(basis: LawfulBasis) -> &'static [Right] {
    row(basis).map_or(&[], |row| &row.rights)
}

/// How DPV calls a basis.
pub fn dpv(basis: LawfulBasis) -> &'static str {
    row(basis).map_or("dpv:LegalBasis", |row| row.dpv)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_basis_has_its_rights_and_every_right_is_known() {
        use LawfulBasis as B;
        for (basis, has, lacks) in [
            (B::Consent, "A7-3", "A21"),
            (B::Contract, "A20", "A7-3"),
            (B::LegalObligation, "A15", "A17"),
            (B::VitalInterests, "A17", "A20"),
            (B::PublicTask, "A21", "A17"),
            (B::LegitimateInterests, "A21", "A20"),
        ] {
            let articles: Vec<_> = of(basis).iter().map(|right| right.article).collect();
            assert!(articles.contains(&has), "{basis}: {articles:?}");
            assert!(!articles.contains(&lacks), "{basis}: {articles:?}");
            assert!(articles.contains(&"A77"), "everybody may complain");
        }
        let named: usize = include_str!("../data/legal_basis_rights.csv")
            .lines()
            .skip(1)
            .map(|line| line.rsplit(',').next().unwrap().split(' ').count())
            .sum();
        let known: usize = MAPPING.iter().map(|row| row.rights.len()).sum();
        assert_eq!(named, known, "the file names a right that is not listed");
    }
}
