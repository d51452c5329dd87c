use super::*;

fn kind(symbol: &str, name: &str) -> SecurityType {
    kind_in(symbol, name, None)
}

fn kind_in(symbol: &str, name: &str, industry: Option<&str>) -> SecurityType {
    SecurityType::classify(&Symbol::parse(symbol).expect("a symbol"), name, industry)
}

#[track_caller]
fn check(expected: SecurityType, listings: &[(&str, &str)]) {
    for (symbol, name) in listings {
        assert_eq!(kind(symbol, name), expected, "{symbol} {name}");
    }
}

#[test]
fn codes_round_trip() {
    for kind in SecurityType::ALL {
        assert_eq!(SecurityType::from_code(kind.code()), Some(kind));
        assert_eq!(serde_json::to_value(kind).expect("json"), kind.to_string());
    }
}

#[test]
fn knows_codes_of_vendors() {
    let of = SecurityType::from_code;
    assert_eq!(of("OS"), Some(SecurityType::Cs));
    assert_eq!(of("NYRS"), Some(SecurityType::Cs));
    assert_eq!(of("GDR"), Some(SecurityType::Adrc));
    assert_eq!(of("ADRP"), Some(SecurityType::Pfd));
    assert_eq!(of("ADRW"), Some(SecurityType::Warrant));
    assert_eq!(of("ADRR"), Some(SecurityType::Right));
    assert_eq!(of(" etv "), Some(SecurityType::Etf));
    assert_eq!(of("SP"), Some(SecurityType::Note));
    assert_eq!(of("BASKET"), Some(SecurityType::Other));
    assert_eq!(of("common"), None);
    assert_eq!(of(""), None);
}

#[test]
fn companies_are_common_stock() {
    check(
        SecurityType::Cs,
        &[
            ("AAPL", "Apple Inc. Common Stock"),
            ("AAPL", "Apple Inc."),
            ("GOOG", "Alphabet Inc. Class C Capital Stock"),
            ("GOOGL", "Alphabet Inc. Class A Common Stock"),
            ("BRK/B", "Berkshire Hathaway Inc."),
            ("VMW", "Vmware Inc. Common stock Class A"),
            ("ACN", "Accenture plc Class A Ordinary Shares (Ireland)"),
            ("SHOP", "Shopify Inc. Class A Subordinate Voting Shares"),
            ("ASML", "ASML Holding N.V. New York Registry Shares"),
            ("SCCO", "Southern Copper Corporation Common Stock"),
            ("UNTC", "Unit Corporation Common Stock"),
            ("UNIT", "Uniti Group Inc. Common Stock"),
            ("PFBC", "Preferred Bank Common Stock"),
            ("APTS", "Preferred Apartment Communities Inc. Common Stock"),
            ("BNS", "Bank Nova Scotia Halifax Pfd 3 Ordinary Shares"),
            ("NTRS", "Northern Trust Corporation Common Stock"),
            ("BLK", "BlackRock Inc. Common Stock"),
            ("IVZ", "Invesco Ltd Common Stock"),
            ("GBL", "Gamco Investors Inc. Common Stock"),
            ("NAPA", "The Duckhorn Portfolio Inc. Common Stock"),
            ("UHALB", "U-Haul Holding Company Series N Non-Voting Common Stock"),
        ],
    );
}

#[test]
fn property_trusts_and_lenders_are_common_stock() {
    check(
        SecurityType::Cs,
        &[
            ("O", "Realty Income Corporation Common Stock"),
            ("EQR", "Equity Residential Common Shares of Beneficial Interest"),
            ("OPI", "Office Properties Income Trust Common Shares of Beneficial Interest"),
            ("UHT", "Universal Health Realty Income Trust Common Stock"),
            ("BXMT", "Blackstone Mortgage Trust Inc. Common Stock"),
            ("ARCC", "Ares Capital Corporation Common Stock"),
            ("MAIN", "Main Street Capital Corporation Common Stock"),
            ("BXSL", "Blackstone Secured Lending Fund Common Shares of Beneficial Interest"),
            ("BBDC", "Barings BDC Inc. Common Stock"),
            ("TCPC", "BlackRock TCP Capital Corp. Common Stock"),
            ("PBT", "Permian Basin Royalty Trust Common Stock"),
        ],
    );
    let industry = Some("Trusts Except Educational Religious and Charitable");
    assert_eq!(kind_in("BXSL", "Blackstone Secured Lending Fund", industry), SecurityType::Cs);
    let industry = Some("Real Estate Investment Trusts");
    let name = "National Storage Affiliates Trust Common Shares of Beneficial Interest";
    assert_eq!(kind_in("NSA", name, industry), SecurityType::Cs);
}

#[test]
fn units_of_partnerships_and_trusts_are_common_stock() {
    check(
        SecurityType::Cs,
        &[
            ("MPLX", "MPLX LP Common Units Representing Limited Partner Interests"),
            ("PAGP", "Plains GP Holdings L.P. Class A Units representing Limited Partner Interests"),
            ("BIP", "Brookfield Infrastructure Partners LP Limited Partnership Units"),
            ("AB", "AllianceBernstein Holding L.P.  Units"),
            ("ATAX", "America First Multifamily Investors L.P. Beneficial Unit Certificates (BUCs)"),
            ("MVO", "MV Oil Trust Units of Beneficial Interests"),
            ("PVL", "Permianville Royalty Trust Trust Units "),
        ],
    );
}

#[test]
fn bundles_are_units() {
    check(
        SecurityType::Unit,
        &[
            ("ACQRU", "Independence Holdings Corp. Units"),
            ("TPGYU", "TPG Pace Beneficial Finance Corp. Unit"),
            ("GMBTU", "Queen's Gambit Growth Capital Unit"),
            (
                "XYZU",
                "Example Corp. Units, each consisting of one share of Class A Common Stock and one-half of one Warrant",
            ),
            ("HAACU", "Health Assurance Acquisition Corp. SAIL Securities"),
            ("AQNU", "Algonquin Power & Utilities Corp. Corporate Units"),
            ("BKDT", "Brookdale Senior Living Inc. 7.00% Tangible Equity Units"),
            ("NEE^P", "NextEra Energy Inc. 5.279% Corporate Units"),
            ("ABC.U", "Example Acquisition Corp."),
        ],
    );
}

#[test]
fn warrants_and_rights_are_told() {
    check(
        SecurityType::Warrant,
        &[
            ("AACIW", "Armada Acquisition Corp. I Warrant"),
            ("COVAW", "COVA Acquisition Corp. Warrants to purchase Class A ordinary shares"),
            ("IGICW", "International General Insurance Holdings Ltd. Warrants expiring 03/17/2025"),
            ("PEPLW", "PepperLime Health Acquisition Corporation Warrrant"),
            ("NVTSW", "Navitas Semiconductor Corporation"),
            ("PSNYW", "Polestar Automotive Holding UK PLC Class C-1 ADS (ADW)"),
            ("ABCWW", "Example Corp. Common Stock Purchase Warrants, expiring 2027"),
            ("ABC.WS", "Example Corp."),
        ],
    );
    check(
        SecurityType::Right,
        &[
            ("TMTCR", "TMT Acquisition Corp Rights"),
            ("CETUR", "Cetus Capital Acquisition Corp. Right to receive 1/6 of one share of Class A Common Stock"),
            ("ABC", "Example Pharma Inc. Contingent Value Rights"),
        ],
    );
    check(SecurityType::Cs, &[("HCC", "Warrior Met Coal Inc. Common Stock"), ("FTDR", "Home Warranty Inc.")]);
}

#[test]
fn preferreds_are_told() {
    check(
        SecurityType::Pfd,
        &[
            ("BAC^S", "Bank of America Corporation"),
            ("BAC.PRS", "Bank of America Corporation"),
            ("GS^K", "Goldman Sachs Group Inc. (The) Dep Shs Repstg 1/1000 Int Sh Fxd/Fltg Non Cum Pfd Stk Ser K"),
            (
                "HBANP",
                "Huntington Bancshares Incorporated Depositary Shares 4.500% Series H Non-Cumulative Preferred Stock",
            ),
            ("FCNCP", "First Citizens BancShares Inc. Depositary Shares"),
            ("ZIONO", "Zions Bancorporation N.A. Dep Shs Repstg 1/40th Perp Pfd Ser G"),
            (
                "BPYPP",
                "Brookfield Property Partners L.P. 6.50% Class A Cumulative Redeemable Perpetual Preferred Units",
            ),
            ("CEQP^", "Crestwood Equity Partners LP Preferred Units representing limited partner interests"),
            ("AIRTP", "Air T Inc. Air T Funding Alpha Income Trust Preferred Securities"),
            ("PRIF^D", "Priority Income Fund Inc. 7.00% Series D Term Preferred Stock"),
            ("ITUB", "Itau Unibanco Banco Holding SA American Depositary Shares (Each repstg 500 Preferred shares)"),
            ("DDT", "Dillard's Capital Trust I"),
            ("ABCDP", "Example Realty Inc. 7.25% Series B"),
        ],
    );
}

#[test]
fn debt_is_told() {
    check(
        SecurityType::Note,
        &[
            ("CCZ", "Comcast Holdings ZONES"),
            ("CMSD", "CMS Energy Corporation 5.875% Junior Subordinated Notes due 2079"),
            ("AFGB", "American Financial Group Inc. 5.875% Subordinated Debentures due 2059"),
            ("ENO", "Entergy New Orleans LLC First Mortgage Bonds 5.50% Series due April 1 2066"),
            ("F^B", "Ford Motor Company 6.20% Notes due June 1 2059"),
            ("BNJ", "Brookfield Finance Inc. 4.50% Perpetual Subordinated Notes"),
            ("ECCX", "Eagle Point Credit Company Inc. 6.6875% Notes due 2028"),
            ("KTN", "Structured Products Corp 8.205% CorTS 8.205% Corporate Backed Trust Securities (CorTS)"),
        ],
    );
}

#[test]
fn receipts_of_common_stock_are_told() {
    check(
        SecurityType::Adrc,
        &[
            ("BABA", "Alibaba Group Holding Limited American Depositary Shares each representing eight Ordinary share"),
            ("LX", "Lexinfintech Holdings Ltd. ADS"),
            ("BUD", "Anheuser-Busch Inbev SA Sponsored ADR (Belgium)"),
            ("BTI", "British American Tobacco  Industries p.l.c. Common Stock ADR"),
            (
                "RLX",
                "RLX Technology Inc. American Depositary Shares each representing the right to receive one (1) share",
            ),
            ("IRS", "IRSA Inversiones Y Representaciones S.A. Global Depositary Shares (Each representing ten shares)"),
            ("SOL", "Renesola Ltd. American Depsitary Shares (Each representing 10 shares)"),
        ],
    );
}

#[test]
fn funds_are_told() {
    check(
        SecurityType::Fund,
        &[
            ("PDI", "PIMCO Dynamic Income Fund Common Stock"),
            ("NAD", "Nuveen Quality Municipal Income Fund Common Stock"),
            ("LEO", "BNY Mellon Strategic Municipals Inc. Common Stock"),
            ("JPS", "Nuveen Preferred & Income Securities Fund"),
            ("HPI", "John Hancock Preferred Income Fund Common Shares of Beneficial Interest"),
            ("BST", "BlackRock Science and Technology Trust Common Shares of Beneficial Interest"),
            ("EVT", "Eaton Vance Tax Advantaged Dividend Income Fund Common Shares of Beneficial Interest"),
            ("GDV", "Gabelli Dividend & Income Trust Common Shares of Beneficial Interest"),
            ("CSQ", "Calamos Strategic Total Return Common Stock"),
            ("TY", "Tri Continental Corporation Common Stock"),
        ],
    );
    let name = "Salient Midstream Common Shares of Beneficial Interest";
    assert_eq!(kind_in("SMM", name, Some("Trusts Except Educational Religious and Charitable")), SecurityType::Fund);
}

#[test]
fn exchange_traded_products_are_told() {
    check(
        SecurityType::Etf,
        &[
            ("SPY", "SPDR S&P 500 ETF Trust"),
            ("VTI", "Vanguard Total Stock Market ETF"),
            ("IAU", "iShares Gold Trust"),
            ("USOI", "Credit Suisse X-Links Crude Oil Shares Covered Call ETNs due April 24 2037"),
            ("PHYS", "Sprott Physical Gold Trust Units"),
        ],
    );
}

#[test]
fn when_issued_lines_are_no_common_stock() {
    check(
        SecurityType::Other,
        &[
            ("GEHCV", "GE HealthCare Technologies Inc. Common Stock When-Issued"),
            ("WKEYV", "WISeKey International Holding Ltd Ex-distribution When Issued"),
        ],
    );
    check(SecurityType::Cs, &[("CVCO", "Cavco Industries Inc. Common Stock When Issued")]);
}

#[test]
fn strange_names_do_not_panic() {
    check(SecurityType::Cs, &[("A", ""), ("A", "  "), ("A", "É"), ("A", "the"), ("ABCDEF", "İ")]);
}
