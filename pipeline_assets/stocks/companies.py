"""The fifty fictional companies of the synthetic market."""

from __future__ import annotations

from typing import NamedTuple


class Company(NamedTuple):
    """One listed company.

    `price` is the level, in dollars, that its price moves about; `shares` are traded on a usual day; `beta` is how
    strongly it follows the market, 1 being as the market does.
    """

    ticker: str
    name: str
    sector: str
    price: float
    shares: int
    beta: float


COMPANIES = (
    Company("AGRU", "Agrumar Citrus", "food", 48.20, 2_400_000, 0.62),
    Company("BRDO", "Pan Brado Bakeries", "food", 63.75, 1_900_000, 0.58),
    Company("CSTA", "Cesta Groceries", "food", 112.40, 6_100_000, 0.71),
    Company("DULZ", "Dulzaina Sweets", "food", 37.90, 1_300_000, 0.66),
    Company("LCHE", "Lechera del Valle", "food", 54.10, 2_800_000, 0.55),
    Company("OLVA", "Olivar Oils", "food", 88.60, 1_100_000, 0.64),
    Company("PSCA", "Pescadora Atlantic", "food", 41.35, 1_700_000, 0.69),
    Company("ALMC", "Almacenes Cardenal", "retail", 96.80, 4_600_000, 1.05),
    Company("BZAR", "Bazar Norte", "retail", 33.15, 5_200_000, 1.18),
    Company("HGAR", "Hogar y Luz", "retail", 71.90, 2_300_000, 1.02),
    Company("JGTE", "Juguete Works", "retail", 45.55, 1_600_000, 1.11),
    Company("MRCD", "Mercadal Markets", "retail", 128.30, 3_900_000, 0.92),
    Company("TNDA", "Tienda Directa", "retail", 184.70, 7_400_000, 1.32),
    Company("ZPTO", "Zapatero Shoes", "retail", 59.05, 2_000_000, 1.08),
    Company("ALGO", "Algoritmia", "technology", 241.60, 8_800_000, 1.41),
    Company("BITA", "Bitacora Logs", "technology", 87.25, 3_700_000, 1.48),
    Company("CHIP", "Chipre Semiconductors", "technology", 312.90, 9_600_000, 1.55),
    Company("DATM", "Datamar", "technology", 156.45, 4_300_000, 1.37),
    Company("NUBE", "Nube Hosting", "technology", 203.15, 6_700_000, 1.39),
    Company("PIXL", "Pixelar Screens", "technology", 68.80, 2_900_000, 1.44),
    Company("REDX", "Redes Exteriores", "technology", 94.35, 3_100_000, 1.21),
    Company("SENS", "Sensorica", "technology", 121.70, 2_200_000, 1.34),
    Company("BNCO", "Banco Ribera", "finance", 44.90, 8_300_000, 1.12),
    Company("CAJA", "Caja Llana", "finance", 31.60, 6_900_000, 1.09),
    Company("FOND", "Fondo Verde", "finance", 77.45, 1_800_000, 1.01),
    Company("PRST", "Prestamar Credit", "finance", 52.85, 2_600_000, 1.22),
    Company("SGRO", "Seguros Roble", "finance", 139.20, 1_500_000, 0.86),
    Company("TRJT", "Tarjeta Payments", "finance", 226.75, 4_100_000, 1.15),
    Company("CLNC", "Clinicas Aurora", "health", 83.60, 1_400_000, 0.74),
    Company("FRMC", "Farmacil", "health", 147.95, 3_300_000, 0.68),
    Company("GENO", "Genoma Sur", "health", 192.40, 2_700_000, 0.97),
    Company("OPTI", "Optimira Lenses", "health", 66.10, 1_200_000, 0.79),
    Company("SALV", "Salvia Remedies", "health", 58.30, 1_600_000, 0.72),
    Company("VCNA", "Vacunar", "health", 118.85, 3_500_000, 0.83),
    Company("CRBN", "Carbonera", "energy", 36.70, 4_900_000, 1.06),
    Company("GASO", "Gasoducto Levante", "energy", 49.25, 4_200_000, 0.94),
    Company("LMBR", "Lumbre Power", "energy", 72.15, 2_500_000, 0.61),
    Company("PTRL", "Petrolar", "energy", 91.50, 7_700_000, 1.03),
    Company("SOLR", "Solar Meseta", "energy", 64.95, 5_600_000, 1.29),
    Company("VNTO", "Viento Alto", "energy", 42.80, 3_400_000, 1.17),
    Company("AVIA", "Aviaria Lines", "industry", 53.40, 5_800_000, 1.26),
    Company("BARC", "Barcaza Shipping", "industry", 79.70, 1_900_000, 1.04),
    Company("CMNT", "Cementos Pardo", "industry", 38.45, 2_100_000, 1.07),
    Company("FERR", "Ferrovia Este", "industry", 134.10, 1_700_000, 0.88),
    Company("MOTR", "Motora", "industry", 105.65, 6_300_000, 1.24),
    Company("TALR", "Taller Robotics", "industry", 167.30, 2_400_000, 1.19),
    Company("AGUA", "Agua Mansa", "utilities", 57.20, 1_800_000, 0.45),
    Company("CBLE", "Cable Costero", "utilities", 46.95, 2_900_000, 0.63),
    Company("ELEC", "Electrica Duero", "utilities", 69.85, 3_200_000, 0.49),
    Company("RCCL", "Reciclar", "utilities", 35.30, 1_000_000, 0.57),
)
