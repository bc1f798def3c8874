"""Product types and package sizes of the sample as people write them: the source is upper-case and shortens words."""

from __future__ import annotations

import re
from typing import Final

#: Words that the source shortens, cuts or writes wrongly; a word that is not here stays as it is, in lower case.
_EXPANDED: Final = dict(
    pair.split("=")
    for pair in """
ACTIVATI=activation; BA=bars; BEERALEMALT=beer, ale and malt; BR=bread; BRD=bread; BTL=bottle; BTR=butter;
CAN=cans; CAR=carbonated; CARB=carbonated; CATFD=cat food; CHEEZ=cheez; CHICK=chicken; CHIX=chicken;
CHOC=chocolate; CHOCOCLATE=chocolate; CHOCOLA=chocolate; CIG=cigarette; CILANTO=cilantro; CKE=cake; CKYS=cookies;
CND=canned; CNTRL=control; CONC=concentrate; CONTAINR=container; COOKI=cookies; COVERGIRL=CoverGirl;
CRACKE=crackers; CRAN=cranberry; CRBNTD=carbonated; CRMD=creamed; DECAFFINATED=decaf; DEPT=department;
DNR=dinner; DNRS=dinners; DOGFD=dog food; DRNK=drinks; DRNKING=drinking; DRNKNG=drinking; DRNKS=drinks; DSH=dish;
EL=electric; EX=except; EXCE=except; EXCP=except; FD=food; FDS=foods; FEM.=feminine; FLAV=flavored;
FLVR=flavored; FLVRD=flavored; FRD=fried; FRZ=frozen; FRZN=frozen; GDS=goods; GRND=ground; HANDKE=handkerchiefs;
HYGN.NAPKINS=hygiene napkins; INCL=including; IWS=individually wrapped; JCE=juice; JU=juice; JUI=juice;
JUIC=juice; LIF=lifesavers; LOREAL=L'Oréal; LSS=less; LTR=liter; MACH=machine; MAYBELLINE=Maybelline;
MFG=manufacturer; MISC=miscellaneous; MLK=milk; MLT=multi; MNERAL=mineral; MNR=mineral; MNRL=mineral; MULT=multi;
NLEADED=unleaded; OJ=orange juice; OTH=other; OV=over; PICKLD=pickled; PK=pack; PKG=packaged; PKLD=pickled;
PLSTC=plastic; PNCH=punch; PREM=premium; PREP=prepared; PRODUC=products; PROTIEN=protein; PRPCK=prepacked;
PWDR=powder; PWDRS=powders; REFIGERATED=refrigerated; REFRIG=refrigerated; REG=regular; REVLON=Revlon; RIC=rice;
RTS=ready-to-serve; SALTICE=saltines; SAUCESSALSAPICANTEE=sauces, salsa and picante; SAUS=sausage; SECT=sections;
SFT=soft; SGL=single; SNGL=single; SNKS=snacks; SPECILATY=specialty; SRV=serve; SS=single-serve; STK=stick;
SUP=supplies; SV=serve; SW=sweet; SWEE=sweet; TISS=tissue; TORT=tortilla; UNDERGARMEN=undergarments;
VEG=vegetable; VEND=vending; WAT=water; WATE=water; WHL=whole; WORCHESTER=Worcestershire; WRA=wraps; WT=weight;
WTR=water; YR=year
""".strip()
    .replace("\n", " ")
    .split("; ")
)
#: Stretches that tell nobody anything: what a product type goes on with after it was cut, and remarks on others.
_CUT: Final = re.compile(r"\((?:[^()]*\)|[^()]*$)|[-:/&,. ]+[A-Z]$|/N$|/T$|\*+|\bEXACT WT\b", re.ASCII)
_DANGLING: Final = re.compile(r"[\s/&,:-]+(?:INCL|INCLUDING|EXCP|EXCE|EXCEPT|EX|ALL|NOT|W|OV)$")
_WORD: Final = re.compile(r"[^\s/,:()\-]+")
_UNITS: Final = {"OZ": "oz", "LB": "lb", "CT": "ct", "ML": "ml", "L": "l", "GAL": "gal", "QT": "qt", "PT": "pt"}


def product_type(text: str) -> str:
    """A product type of the source as people write it.

    Parameters
    ----------
    text
        As the source has it, upper-case and shortened.

    Returns
    -------
    str
        In lower case but for its first letter and names, shortened words expanded.

    Examples
    --------
    >>> product_type("FRZN SS PREMIUM ENTREES/DNRS/N")
    'Frozen single-serve premium entrees/dinners'
    """
    whole = _CUT.sub("", text).strip(" -:/&,.") or text
    whole = _DANGLING.sub("", whole) or whole
    said = _WORD.sub(lambda word: _EXPANDED.get(word[0], word[0].lower()), whole)
    said = re.sub(r"\s+", " ", said.replace("&", " and ")).strip()
    return said[:1].upper() + said[1:]


def package(text: str) -> str:
    """A package size of the source with its unit in lower case, such as ``16 oz``."""
    return " ".join(_UNITS.get(word, word.lower()) for word in text.split())
