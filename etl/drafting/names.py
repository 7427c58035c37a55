"""What people call columns, in English, Dutch and German.

The rule: one table a purpose, best name first; a name is compared without case, umlauts and separators, so `E-Mail`,
`e_mail` and `eMail` are one.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from types import MappingProxyType


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def _names(**words: str) -> Mapping[str, tuple[str, ...]]:
    return MappingProxyType({field: _words(text) for field, text in words.items()})


# The receiver's field -> names of columns that hold it.
FIELD_NAMES = _names(
    email="email emailaddress emailadres emailadresse mail mailadres mailadresse emailaddr",
    userid="externaluserid externalid externeid externesid",
    firstname="firstname voornaam vorname givenname roepnaam rufname forename",
    lastname="lastname achternaam nachname surname familyname familienaam familienname zuname",
    gender="gender geslacht geschlecht sex sekse",
    birthdate="birthdate dateofbirth dob birthday birthdaydate geboortedatum gebdatum geburtsdatum geburtstag",
    phone="phone phonenumber telephone telephonenumber telefoon telefoonnummer telefon telefonnummer tel telnr "
    "mobile mobilephone mobilenumber mobiel mobielnummer mobil mobilnummer mobiltelefon handy handynummer gsm "
    "rufnummer",
    postcode="postcode postalcode zip zipcode plz postleitzahl",
    city="city plaats woonplaats plaatsnaam stad stadt ort wohnort town",
    country="countrycode country countryiso landcode land landcode laendercode laenderkennzeichen landkz",
    language="locale language languagecode lang taal taalcode sprache sprachcode",
    currency="currency currencycode valuta valutacode munteenheid munt waehrung waehrungscode",
    newsletter="newsletter newsletteroptin newsletterconsent newslettersubscribed newsletterabo newsletteranmeldung "
    "nieuwsbrief nieuwsbriefoptin nieuwsbriefaangemeld emailoptin mailingoptin subscribed optin",
    service="serviceoptin serviceconsent servicemails servicemail service",
    marketing="marketingoptin marketingconsent marketing marketingtoestemming marketingeinwilligung werbung "
    "werbeeinwilligung acceptsmarketing",
    orderid="ordernumber orderno ordernr ordernummer orderreference bestelnummer bestelnr bestellnummer bestellnr "
    "bestellungsnummer auftragsnummer auftragsnr orderid",
    totalvalue="totalvalue total ordertotal grandtotal totalamount totalprice totaal totaalbedrag orderbedrag bedrag "
    "gesamtbetrag gesamtsumme gesamtpreis gesamt summe betrag amount",
    checkin_date="checkindate checkin arrivaldate aankomstdatum aankomst anreisedatum anreise",
    checkout_date="checkoutdate checkout departuredate vertrekdatum vertrek abreisedatum abreise",
    mobile_advertiser_ID="mobileadvertiserid advertisingid idfa gaid",
    timestamp="orderedat orderdate orderplacedat placedat purchasedat purchasedate besteldop besteldatum besteld "
    "bestelltam bestelldatum bestellt occurredat happenedat eventtime eventat",
)

# The same for the lines of an order.
PRODUCT_NAMES = _names(
    id="sku productsku articlenumber artikelnummer artikelnr artnr productcode artikelcode itemnumber productnumber "
    "produktnummer ean productid artikelid articleid produktid itemid",
    name="title name productname productnaam productname artikelnaam artikelname produktname omschrijving bezeichnung "
    "description beschrijving beschreibung titel",
    price="unitprice price stukprijs prijs einzelpreis stueckpreis preis",
    quantity="quantity qty aantal menge anzahl stueckzahl stueck count",
    category_ids="categoryids categoryid categorieid kategorieid",
)

# Columns that change with every write, and those that are written once.
CURSOR_NAMES = _words(
    "updatedat modifiedat changedat lastmodifiedat lastmodified lastupdatedat lastupdated lastupdate lastchangedat "
    "lastchanged lastchange updatedon modifiedon changedon modifieddate updateddate updatedate "
    "datemodified dateupdated "
    "modificationdate updated modified changed mtime updatetime updatets updatedts gewijzigdop "
    "gewijzigd bijgewerktop "
    "bijgewerkt aangepastop laatstgewijzigdop laatstgewijzigd laatstewijziging wijzigingsdatum "
    "wijzigdatum mutatiedatum "
    "gemuteerdop geaendertam geaendert aktualisiertam aktualisiert zuletztgeaendert zuletztgeaendertam "
    "letzteaenderung aenderungsdatum bearbeitetam rowversion rowver"
)
CREATED_NAMES = _words(
    "createdat createdon created creationdate datecreated createddate insertedat aangemaaktop "
    "aangemaakt aanmaakdatum "
    "ingevoerdop erstelltam erstellt erstellungsdatum angelegtam anlagedatum"
)
DELETED_NAMES = _words("deletedat deletedon deleted verwijderdop verwijderd geloeschtam geloescht")
STATUS_NAMES = ("status", "orderstatus", "state", "bestelstatus", "bestellstatus", "auftragsstatus")

# What may stand before a column's purpose without changing it.
_OWNERS = _words(
    "customer cust client klant kunde kunden user gebruiker benutzer contact kontakt person persoon member "
    "lid mitglied "
    "account relatie billing factuur rechnungs rechnung order bestelling bestellung"
)
_ORDER_TABLES = frozenset(
    _words(
        "order orders salesorder salesorders purchase purchases bestelling bestellingen bestellung bestellungen "
        "auftrag auftraege verkoop verkopen verkauf verkaeufe"
    )
)
_PEOPLE_TABLES = frozenset(
    _words(
        "customer customers client clients klant klanten kunde kunden user users gebruiker gebruikers benutzer contact "
        "contacts contacten kontakt kontakte person persons people persoon personen member members lid leden mitglied "
        "mitglieder account accounts relatie relaties subscriber subscribers"
    )
)
_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"})


def bare(name: str) -> str:
    """`name` without case, umlauts, accents and separators."""
    text = unicodedata.normalize("NFC", name).casefold().translate(_UMLAUTS)
    text = unicodedata.normalize("NFKD", text)
    return "".join(one for one in text if one.isascii() and one.isalnum())


def rank(column: str, names: Sequence[str]) -> int | None:
    """How well `column` is one of `names`: 0 = it is the first of them; None = it is none of them.

    A name that says whose it is (`customer_email`) comes after all that do not.
    """
    text = bare(column)
    if text in names:
        return names.index(text)
    for owner in _OWNERS:
        rest = text.removeprefix(owner)
        if rest != text and rest in names:
            return len(names) + names.index(rest)
    return None


def is_order_table(table: str) -> bool:
    """The table's name says that its rows are orders."""
    return bare(_last(table)) in _ORDER_TABLES


def event_name(table: str) -> str:
    """A name for the event "a row of `table` was added or changed", such as CustomerUpdated."""
    name = _last(table)
    if bare(name) in _PEOPLE_TABLES:
        return "CustomerUpdated"
    words = re.findall(r"[a-z0-9]+", unicodedata.normalize("NFKD", name.translate(_UMLAUTS)).lower(), re.ASCII)
    return f"{''.join(word.capitalize() for word in words)[:80] or 'Row'}Updated"


def slug(name: str) -> str:
    """`name` as letters, digits and `_`, lower case, beginning with a letter or digit; "" when nothing is left."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).casefold().translate(_UMLAUTS)
    letters = unicodedata.normalize("NFKD", spaced)
    text = re.sub(r"[^a-z0-9]+", "_", "".join(one for one in letters if not unicodedata.combining(one)))
    return text.strip("_")


def _last(table: str) -> str:
    return table.rpartition(".")[2]
