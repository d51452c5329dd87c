//! What the simulated market is made of: sectors and industries in the screener's words, countries, real ETFs.

/// A sector, how common it is, and its industries with theirs.
pub(super) struct Sector {
    pub(super) name: &'static str,
    /// Its share of all companies, in thousandths.
    pub(super) weight: u32,
    /// Its share of the largest companies, in thousandths.
    pub(super) weight_large: u32,
    /// Industries with their weights within the sector.
    pub(super) industries: &'static [(&'static str, u32)],
    /// Words that follow an invented word in company names.
    pub(super) nouns: &'static [&'static str],
}

/// The sectors of the NASDAQ screener, with the shares that they have among US common stocks.
pub(super) const SECTORS: &[Sector] = &[
    Sector {
        name: "Finance",
        weight: 200,
        weight_large: 150,
        industries: &[
            ("Major Banks", 45),
            ("Investment Managers", 15),
            ("Property-Casualty Insurers", 13),
            ("Finance: Consumer Services", 10),
            ("Investment Bankers/Brokers/Service", 9),
            ("Savings Institutions", 8),
        ],
        nouns: &[
            "Bancorp",
            "Financial",
            "Bancshares",
            "Capital",
            "Insurance",
            "Trust",
            "Holdings",
            "Credit",
            "Assurance",
        ],
    },
    Sector {
        name: "Health Care",
        weight: 230,
        weight_large: 150,
        industries: &[
            ("Biotechnology: Pharmaceutical Preparations", 50),
            ("Biotechnology: Biological Products (No Diagnostic Substances)", 13),
            ("Medical/Dental Instruments", 13),
            ("Medical Specialities", 9),
            ("Medical/Nursing Services", 8),
            ("Biotechnology: In Vitro & In Vivo Diagnostic Substances", 7),
        ],
        nouns: &[
            "Therapeutics",
            "Pharmaceuticals",
            "Biosciences",
            "Medical",
            "Health",
            "Bio",
            "Diagnostics",
            "Surgical",
        ],
    },
    Sector {
        name: "Consumer Discretionary",
        weight: 175,
        weight_large: 130,
        industries: &[
            ("Business Services", 22),
            ("Restaurants", 18),
            ("Auto Parts:O.E.M.", 16),
            ("Other Specialty Stores", 15),
            ("Hotels/Resorts", 15),
            ("Auto Manufacturing", 14),
        ],
        nouns: &["Brands", "Stores", "Resorts", "Motors", "Restaurants", "Outfitters", "Leisure", "Retail", "Homes"],
    },
    Sector {
        name: "Technology",
        weight: 150,
        weight_large: 270,
        industries: &[
            ("Computer Software: Prepackaged Software", 33),
            ("EDP Services", 27),
            ("Semiconductors", 18),
            ("Computer Software: Programming Data Processing", 9),
            ("Radio And Television Broadcasting And Communications Equipment", 7),
            ("Electronic Components", 6),
        ],
        nouns: &[
            "Systems",
            "Software",
            "Semiconductor",
            "Networks",
            "Technologies",
            "Dynamics",
            "Data",
            "Photonics",
            "Logic",
        ],
    },
    Sector {
        name: "Industrials",
        weight: 105,
        weight_large: 90,
        industries: &[
            ("Industrial Machinery/Components", 38),
            ("Major Chemicals", 19),
            ("Metal Fabrications", 16),
            ("Aerospace", 10),
            ("Military/Government/Technical", 9),
            ("Trucking Freight/Courier Services", 8),
        ],
        nouns: &["Industries", "Manufacturing", "Aerospace", "Engineering", "Machinery", "Controls", "Logistics"],
    },
    Sector {
        name: "Real Estate",
        weight: 45,
        weight_large: 25,
        industries: &[
            ("Real Estate Investment Trusts", 70),
            ("Other Consumer Services", 12),
            ("Building operators", 8),
            ("Real Estate", 6),
            ("Homebuilding", 4),
        ],
        nouns: &["Realty", "Properties", "Property Trust", "Residential", "Office Trust", "Land"],
    },
    Sector {
        name: "Energy",
        weight: 35,
        weight_large: 55,
        industries: &[
            ("Oil & Gas Production", 55),
            ("Oilfield Services/Equipment", 14),
            ("Integrated oil Companies", 12),
            ("Coal Mining", 7),
            ("Oil Refining/Marketing", 7),
            ("Natural Gas Distribution", 5),
        ],
        nouns: &["Energy", "Petroleum", "Resources", "Drilling", "Exploration", "Midstream"],
    },
    Sector {
        name: "Consumer Staples",
        weight: 25,
        weight_large: 65,
        industries: &[
            ("Packaged Foods", 35),
            ("Beverages (Production/Distribution)", 25),
            ("Farming/Seeds/Milling", 13),
            ("Food Chains", 10),
            ("Specialty Foods", 9),
            ("Meat/Poultry/Fish", 8),
        ],
        nouns: &["Foods", "Beverage", "Farms", "Grocers", "Brewing", "Provisions"],
    },
    Sector {
        name: "Utilities",
        weight: 20,
        weight_large: 35,
        industries: &[
            ("Electric Utilities: Central", 38),
            ("Power Generation", 22),
            ("Natural Gas Distribution", 15),
            ("Water Supply", 10),
            ("Oil/Gas Transmission", 9),
            ("Environmental Services", 6),
        ],
        nouns: &["Power", "Electric", "Water", "Gas", "Utilities", "Renewables"],
    },
    Sector {
        name: "Basic Materials",
        weight: 20,
        weight_large: 15,
        industries: &[
            ("Precious Metals", 42),
            ("Metal Mining", 25),
            ("Other Metals and Minerals", 12),
            ("Forest Products", 8),
            ("Paper", 7),
            ("Mining & Quarrying of Nonmetallic Minerals (No Fuels)", 6),
        ],
        nouns: &["Mining", "Gold", "Minerals", "Metals", "Silver", "Timber", "Lithium"],
    },
    Sector {
        name: "Telecommunications",
        weight: 15,
        weight_large: 25,
        industries: &[
            ("Telecommunications Equipment", 55),
            ("Cable & Other Pay Television Services", 18),
            ("Computer Communications Equipment", 12),
            ("Broadcasting", 8),
            ("Radio And Television Broadcasting And Communications Equipment", 7),
        ],
        nouns: &["Communications", "Telecom", "Wireless", "Cable", "Fiber", "Satellite"],
    },
];

/// The sector in [`SECTORS`] to which blank checks, funds and most preferred shares belong.
pub(super) const FINANCE: usize = 0;
/// The sector in [`SECTORS`] of real estate, which issues preferred shares too.
pub(super) const REAL_ESTATE: usize = 5;
/// The sector in [`SECTORS`] of utilities, which issue notes.
pub(super) const UTILITIES: usize = 8;
/// The industry of companies that are only an intention to buy one.
pub(super) const BLANK_CHECKS: &str = "Blank Checks";
/// The industries of closed-end funds.
pub(super) const FUND_INDUSTRIES: [&str; 2] =
    ["Trusts Except Educational Religious and Charitable", "Investment Managers"];

/// The home of almost every company.
pub(super) const UNITED_STATES: &str = "United States";
/// Where the others come from, with weights.
pub(super) const FOREIGN_COUNTRIES: &[(&str, u32)] = &[
    ("Canada", 24),
    ("China", 24),
    ("Israel", 13),
    ("United Kingdom", 10),
    ("Bermuda", 6),
    ("Cayman Islands", 5),
    ("Singapore", 5),
    ("Hong Kong", 4),
    ("Greece", 4),
    ("Brazil", 4),
    ("Ireland", 3),
    ("Netherlands", 3),
    ("Japan", 3),
    ("Switzerland", 2),
    ("Germany", 2),
];

/// A real, well-known ETF.
#[derive(Debug)]
pub(super) struct Etf {
    pub(super) symbol: &'static str,
    pub(super) name: &'static str,
    pub(super) etf_type: &'static str,
    pub(super) issuer: &'static str,
    pub(super) aum_millions: u32,
    pub(super) price: f64,
}

const fn etf(
    symbol: &'static str,
    name: &'static str,
    etf_type: &'static str,
    issuer: &'static str,
    aum_millions: u32,
    price: f64,
) -> Etf {
    Etf { symbol, name, etf_type, issuer, aum_millions, price }
}

/// The ETFs that the shipped universes name; sizes and prices are rough, and move from there.
#[rustfmt::skip]
pub(super) const ETFS: &[Etf] = &[
    etf("SPY", "SPDR S&P 500 ETF Trust", "broad_market", "State Street", 480_000, 470.0),
    etf("IVV", "iShares Core S&P 500 ETF", "broad_market", "BlackRock", 390_000, 472.0),
    etf("VOO", "Vanguard S&P 500 ETF", "broad_market", "Vanguard", 370_000, 431.0),
    etf("VTI", "Vanguard Total Stock Market ETF", "broad_market", "Vanguard", 340_000, 234.0),
    etf("QQQ", "Invesco QQQ Trust Series 1", "broad_market", "Invesco", 225_000, 405.0),
    etf("IWM", "iShares Russell 2000 ETF", "broad_market", "BlackRock", 66_000, 197.0),
    etf("DIA", "SPDR Dow Jones Industrial Average ETF Trust", "broad_market", "State Street", 32_000, 373.0),
    etf("XLK", "Technology Select Sector SPDR Fund", "sector", "State Street", 58_000, 190.0),
    etf("XLV", "Health Care Select Sector SPDR Fund", "sector", "State Street", 38_000, 135.0),
    etf("XLF", "Financial Select Sector SPDR Fund", "sector", "State Street", 34_000, 37.5),
    etf("XLE", "Energy Select Sector SPDR Fund", "sector", "State Street", 37_000, 84.0),
    etf("XLI", "Industrial Select Sector SPDR Fund", "sector", "State Street", 15_500, 113.0),
    etf("XLY", "Consumer Discretionary Select Sector SPDR Fund", "sector", "State Street", 18_800, 179.0),
    etf("XLP", "Consumer Staples Select Sector SPDR Fund", "sector", "State Street", 15_600, 72.0),
    etf("XLU", "Utilities Select Sector SPDR Fund", "sector", "State Street", 14_200, 63.5),
    etf("XLB", "Materials Select Sector SPDR Fund", "sector", "State Street", 5_400, 85.0),
    etf("XLRE", "Real Estate Select Sector SPDR Fund", "sector", "State Street", 5_700, 40.0),
    etf("XLC", "Communication Services Select Sector SPDR Fund", "sector", "State Street", 15_800, 72.0),
    etf("AGG", "iShares Core U.S. Aggregate Bond ETF", "bond", "BlackRock", 100_000, 99.0),
    etf("BND", "Vanguard Total Bond Market Index Fund ETF", "bond", "Vanguard", 103_000, 73.5),
    etf("TLT", "iShares 20+ Year Treasury Bond ETF", "bond", "BlackRock", 50_000, 98.5),
    etf("LQD", "iShares iBoxx $ Investment Grade Corporate Bond ETF", "bond", "BlackRock", 32_000, 110.0),
    etf("HYG", "iShares iBoxx $ High Yield Corporate Bond ETF", "bond", "BlackRock", 18_600, 77.0),
    etf("IEF", "iShares 7-10 Year Treasury Bond ETF", "bond", "BlackRock", 27_500, 96.0),
    etf("SHY", "iShares 1-3 Year Treasury Bond ETF", "bond", "BlackRock", 25_600, 82.0),
    etf("VEA", "Vanguard FTSE Developed Markets ETF", "international", "Vanguard", 120_000, 47.5),
    etf("IEFA", "iShares Core MSCI EAFE ETF", "international", "BlackRock", 106_000, 70.0),
    etf("EFA", "iShares MSCI EAFE ETF", "international", "BlackRock", 50_000, 75.0),
    etf("VWO", "Vanguard FTSE Emerging Markets ETF", "international", "Vanguard", 75_000, 41.0),
    etf("IEMG", "iShares Core MSCI Emerging Markets ETF", "international", "BlackRock", 74_000, 50.0),
    etf("EEM", "iShares MSCI Emerging Markets ETF", "international", "BlackRock", 18_500, 40.0),
    etf("VUG", "Vanguard Growth ETF", "growth", "Vanguard", 105_000, 308.0),
    etf("SCHG", "Schwab U.S. Large-Cap Growth ETF", "growth", "Schwab", 23_000, 82.0),
    etf("IWF", "iShares Russell 1000 Growth ETF", "growth", "BlackRock", 80_000, 300.0),
    etf("VTV", "Vanguard Value ETF", "value", "Vanguard", 103_000, 149.0),
    etf("SCHV", "Schwab U.S. Large-Cap Value ETF", "value", "Schwab", 10_300, 70.0),
    etf("IWD", "iShares Russell 1000 Value ETF", "value", "BlackRock", 53_000, 164.0),
    etf("IBIT", "iShares Bitcoin Trust", "crypto", "BlackRock", 18_000, 38.0),
    etf("FBTC", "Fidelity Wise Origin Bitcoin Fund", "crypto", "Fidelity", 10_000, 58.0),
    etf("GBTC", "Grayscale Bitcoin Trust ETF", "crypto", "Grayscale", 24_000, 55.0),
    etf("BITO", "ProShares Bitcoin Strategy ETF", "crypto", "ProShares", 2_400, 27.0),
];
