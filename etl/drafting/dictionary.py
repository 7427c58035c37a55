"""The usual names of columns and tables in English, Dutch and German: one list for each purpose, best name first.

Names stand here as `etl.drafting.names.bare` makes them: without case, accents and separators.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def _names(**words: str) -> Mapping[str, tuple[str, ...]]:
    return MappingProxyType({field: _words(text) for field, text in words.items()})


# The receiver's field -> names of columns that hold it.
FIELD_NAMES = _names(
    email="email emailaddress emailadres emailadresse mail mailadres mailadresse emailaddr emailcanonical "
    "emailnormalized",
    userid="externaluserid externalid externeid externesid externalcustomerid",
    firstname="firstname voornaam vorname givenname roepnaam rufname forename fname firstnames first",
    lastname="lastname achternaam nachname surname familyname familienaam familienname zuname lname last",
    gender="gender geslacht geschlecht sex sekse salutation anrede aanhef idgender sal",
    birthdate="birthdate dateofbirth dob bornon bornat dateborn geborenop geborenam "
    "birthday birthdaydate geboortedatum gebdatum geburtsdatum geburtstag "
    "geboortedag bday",
    phone="phone phonenumber telephone telephonenumber telefoon telefoonnummer telefon telefonnummer tel telnr "
    "mobile mobilephone mobilenumber mobiel mobielnummer mobil mobilnummer mobiltelefon handy handynummer gsm "
    "rufnummer fon mobfon privfon phonemobile",
    postcode="postcode postalcode zip zipcode plz postleitzahl postalzip",
    city="city plaats woonplaats plaatsnaam stad stadt ort wohnort town",
    country="countrycode country countryiso countryiso2 landcode land landcode laendercode laenderkennzeichen "
    "landkz "
    "countrycode2",
    language="locale language languagecode localecode lang taal taalcode sprache sprachcode preferredlanguage",
    currency="currency currencycode ordercurrencycode ordercurrency valuta valutacode munteenheid munt waehrung "
    "waehrungscode currencyiso isocurrency totalpricecurrencycode",
    newsletter="newsletter newsletteroptin newsletterconsent newslettersubscribed subscribedtonewsletter "
    "newsletterabo newsletteranmeldung isnewslettersubscribed newslettersubscription newsletterstatus "
    "newsletterenabled receivenewsletter receivesnewsletter "
    "nieuwsbrief nieuwsbriefoptin nieuwsbriefaangemeld nieuwsbriefstatus emailoptin mailingoptin subscribed "
    "issubscribed optin optedin dboptin doubleoptin mailinglist newsletteractive",
    service="serviceoptin serviceconsent servicemails servicemail service",
    marketing="marketingoptin marketingconsent marketing marketingtoestemming marketingeinwilligung werbung "
    "werbeeinwilligung acceptsmarketing acceptsemailmarketing emailmarketing emailmarketingconsent marketingemails "
    "allowmarketing partneroptin thirdpartyoptin partneroffers reclame",
    orderid="incrementid ordernumber orderno ordernr ordernummer orderreference orderref ordercode orderkey "
    "cartorderid displayid bestelnummer bestelnr bestellnummer bestellnr bestellungsnummer auftragsnummer "
    "auftragsnr "
    "bestelreferentie bestellreferenz bestelcode customordernumber purchasenumber purchaseorderno orderid "
    "ordersid idorder bestellingid "
    "bestellungid",
    totalvalue="grandtotal totalvalue totalpaid totalpaidtaxincl ordertotal totalordersum total totalincltax "
    "totalwithtax totalinctax totalinclvat totalamount totalprice totalgrossamount totalgross amounttotal "
    "invoiceamount ordertotalgross orderamount ordervalue grosstotal totaal totaalbedrag totaalinclbtw totaalprijs "
    "eindtotaal totalpriceincl currenttotalprice totalpricenumber pricetotal orderbedrag ordertotaal bedrag "
    "gesamtbetrag gesamtsumme gesamtpreis endbetrag endsumme bruttobetrag "
    "bruttosumme rechnungsbetrag bestellwert gesamt summe betrag amountpaid amount sum",
    checkin_date="checkindate checkin arrivaldate arrival aankomstdatum aankomst anreisedatum anreise",
    checkout_date="checkoutdate checkout departuredate departure vertrekdatum vertrek abreisedatum abreise",
    mobile_advertiser_ID="mobileadvertiserid advertisingid idfa gaid",
    timestamp="orderedat orderdatetime orderdatetimeutc ordertime orderdate orderplacedat orderedon placedat "
    "placedon "
    "dateplaced datepurchased "
    "purchasedat purchasedate purchasedon purchaseddate boughtat completedat checkoutcompletedat dateordered "
    "ordertimestamp dateorder processedat placed besteldop besteldatum bestelmoment bestelddatum besteld "
    "orderdatum bestelltam bestelldatum "
    "bestellzeit bestellt auftragsdatum kaufdatum occurredat happenedat eventtime eventat",
)

# Columns for the prefix of a last name, such as "van der".
PARTICLES = _words(
    "tussenvoegsel tussenvoegsels tussenv tussenvgsl voorvoegsel voorvoegsels namensvorsatz vorsatzwort "
    "nachnamevorsatz nameparticle lastnameprefix surnameprefix lastnameinfix nameinfix infix"
)

# Names that hold an order's number where the rest of the row says that it is an order.
WEAK_ORDER_NUMBERS = _words("reference number nummer referentie referenz ordercode code ref no nr docnumber documentno")

# Names of an order's moment where nothing says when it was placed or made.
WEAK_ORDER_DATES = _words(
    "timestamp datetime bookedat bookedon bookingdate boekingsdatum buchungsdatum geboektop gebuchtam "
    "paidat paidon paiddate datepaid "
    "paymentdate betaaldop betaaldatum bezahltam zahlungsdatum invoicedate factuurdatum rechnungsdatum"
)
# States of an order that its buyer has not finished.
CARTS = frozenset(
    _words("cart basket checkout draft abandoned incomplete address delivery payment confirm winkelwagen warenkorb")
)

# Columns that refer to a customer, for rows without an address.
CUSTOMER_REFERENCES = _words(
    "customerid idcustomer customersid customer customerno customernumber customernr userid iduser usersid user "
    "clientid idclient client memberid accountid buyerid contactid personid partyid shopperid profileid "
    "partnerid debiteurid debiteurnummer debiteurnr debiteur debitorid debitornr klantcode relatiecode "
    "klantid idklant klant klantnr klantnummer relatieid gebruikerid kundenid kundeid kunde kundennr kundennummer "
    "benutzerid mitgliedid useruuid customeruuid customerguid userguid useruid "
    "customeruid memberuuid klantuuid kundenuuid accountuuid contactuuid clientuuid "
    "guestid idguest guest gastid gastnr gast patientid studentid"
)

# The same for the lines of an order.
PRODUCT_NAMES = _names(
    id="sku productsku articlenumber artikelnummer artikelnr artnr artnum articleordernumber productreference "
    "productcode artikelcode articlecode itemnumber itemcode itemno productnumber productsmodel model "
    "produktnummer produktcode articleno itemsku variantsku merchantsku reference ean productean ean13 barcode "
    "gtin stockcode defaultcode articleid artid artikelid productid productsid produktid itemid idproduct "
    "variantid",
    name="title productname productsname name productnaam articlename artikelnaam artikelname produktname "
    "producttitle itemname itemtitle label omschrijving bezeichnung "
    "description beschrijving beschreibung titel artikel product",
    price="unitprice unitpricetaxincl priceunit unitpricenumber unitpriceincltax unitpricegrossamount "
    "grossunitprice priceincltax priceincl "
    "bprice finalprice price unitamount productprice productsprice itemprice stukprijs stuksprijs "
    "verkoopprijs prijs einzelpreis stueckpreis verkaufspreis preis "
    "bruttopreis prijsperstuk unitcost listprice",
    quantity="quantity qty qtyordered orderedqty quantityordered productqty productquantity productsquantity "
    "itemquantity orderquantity orderqty orderedquantity productuomqty units aantal hoeveelheid "
    "menge anzahl stueckzahl stueck count pieces amount",
    category_ids="categoryids categoryid categorieid kategorieid productcategory productcategoryid",
)
# Columns of a row that is a service, a booking or one article by itself.
SERVICE_NAMES = _words(
    "sku articlenumber artikelnummer artikelnr artnr productcode itemcode servicecode serviceid idservice "
    "bookableid roomtypeid roomtype tourid tourcode treatmentid treatmentcode courseid coursecode eventid ticketid "
    "tickettypeid packageid subscriptionplanid planid plancode dienstid dienstcode behandelingid leistungid "
    "leistungscode kursid productid articleid itemid"
)
SERVICE_TITLES = _words(
    "servicename servicetitle servicelabel tourname treatmentname coursename packagename planname productname "
    "articlename dienstnaam behandeling leistung kursname title name omschrijving description"
)

# Columns that change with every write, and those that are written once.
CURSOR_NAMES = _words(
    "updatedat modifiedat changedat lastmodifiedat lastmodified lastupdatedat lastupdated lastupdate lastchangedat "
    "lastchanged lastchange writedate updatedonutc modifiedonutc updatedon modifiedon changedon modifieddate "
    "updateddate updatedate "
    "datemodified dateupdated dateupd dateupdatedgmt datemodifiedgmt changestatusat updatedatutc lastupd "
    "modificationdate updated modified changed mtime updatetime updatets updatedts updatedtime modifiedtime "
    "dateaccountlastmodified "
    "gewijzigdop "
    "gewijzigd bijgewerktop "
    "bijgewerkt aangepastop laatstgewijzigdop laatstgewijzigd laatstewijziging wijzigingsdatum "
    "wijzigdatum mutatiedatum gewijzigddatum datumgewijzigd "
    "gemuteerdop geaendertam geaendert aktualisiertam aktualisiert zuletztgeaendert zuletztgeaendertam "
    "letzteaenderung aenderungsdatum bearbeitetam rowversion rowver"
)
CREATED_NAMES = _words(
    "createdat createdon createdonutc created createddate creationdate datecreated datecreatedgmt createdate "
    "dateadd dateadded "
    "addedat insertedat createtime creationtime createdtime createdts createdatutc registeredat registered "
    "dateregistered registrationdate registerdate dateaccountcreated signupdate joinedat joindate create register "
    "aangemaaktop aangemaakt aanmaakdatum datumaangemaakt "
    "ingevoerdop toegevoegdop erstelltam erstellt erstellungsdatum angelegtam anlagedatum angelegt firstlogin"
)
DELETED_NAMES = _words("deletedat deletedon deleted verwijderdop verwijderd geloeschtam geloescht")
STATUS_NAMES = _words(
    "status orderstatus orderstatusid ordersstatus state orderstate currentstate paymentstate paymentstatus "
    "financialstatus checkoutstate statusid stateid transstatus type ordertype "
    "bestelstatus bestellstatus auftragsstatus zustand"
)
# Names that can only mean consent to a newsletter, whatever the values are.
CONSENTS = (
    *FIELD_NAMES["newsletter"],
    *_words("newsletterconsentstatus consentstatus optinstatus consent newsletterstate emailmarketingconsent"),
)
# What consents are called where the values tell what they are, and the times of opting in.
CONSENT_STATES = _words(
    "subscriberstatus subscriptionstatus newsletterstatus optinstatus consentstatus emailstatus mailstatus "
    "subscriptionstate consent emailmarketingconsent emailmarketingstate status state nieuwsbriefstatus "
    "abonnementstatus newsletterstate aboststus abostatus"
)
CONSENT_TIMES = MappingProxyType(
    {
        "newsletter": _words(
            "newslettersubscribedat newsletteroptedinat newsletteroptinat newslettersubscribedon "
            "newslettersignupat "
            "newsletterdate newsletterdateadd doubleoptinconfirmed "
            "newsletteroptindate newsletterat newslettersince newsletterconsentat "
            "optedinat optinat optindate optintime subscribedat subscribedon subscribedate nieuwsbriefsinds "
            "nieuwsbriefop aangemeldop newsletterseit angemeldetam optinam"
        ),
        "marketing": _words(
            "marketingoptinat marketingoptedinat marketingoptinlastupdated marketingconsentat acceptsmarketingat "
            "marketingoptindate marketingseit marketingsinds"
        ),
    }
)
# Times of opting out, which stand beside those of opting in.
REVOCATION_TIMES = _words(
    "optedoutat optoutat optoutdate optedouton optouttime optedout optout unsubscribedat unsubscribedon unsubscribed "
    "unsubscribedate unsubscribeddate newsletterunsubscribedat newsletteroptoutat newsletteroptedoutat "
    "newsletterunsubscribedate marketingoptoutat marketingoptedoutat consentrevokedat revokedat withdrawnat "
    "afgemeldop uitgeschrevenop afmelddatum uitschrijfdatum abgemeldetam abmeldedatum widerrufenam optoutam"
)
# A flag in a newsletter's list that says whether the row still belongs to it.
LISTED = _words("active isactive actief isactief aktiv istaktiv enabled isenabled")
# Parts of the name of such a list.
NEWSLETTERS = _words("news mail nieuwsbrief")

# Words of consent, and of none.
CONSENT_YES = frozenset(
    _words(
        "subscribed optin optedin optindirect direct confirmed verified granted accepted active aangemeld "
        "ingeschreven "
        "angemeldet bestaetigt abonniert zugestimmt"
    )
)
CONSENT_NO = frozenset(
    _words(
        "unsubscribed optout optedout cancelled canceled declined denied revoked withdrawn afgemeld uitgeschreven "
        "abgemeldet widerrufen abbestellt inactive"
    )
)
CONSENT_UNKNOWN = frozenset(
    _words(
        "pending unconfirmed notset neversubscribed notsubscribed bounced cleaned transactional unknown invited "
        "waiting requested inafwachting ausstehend unbestaetigt none notactive"
    )
)
# Words that only mean consent; "active" and "pending" are used for much else.
CONSENT_TELLING = frozenset(
    _words(
        "subscribed unsubscribed optin optedin optout optedout aangemeld afgemeld ingeschreven uitgeschreven "
        "angemeldet abgemeldet abonniert abbestellt neversubscribed notsubscribed"
    )
)

# What may stand before a column's purpose without changing it.
OWNERS = _words(
    "customers customer cust clients client klanten klant kunden kunde users user gebruiker benutzer contacts "
    "contact "
    "kontakt persons person persoon members member subscriber recipient buyer shopper guest "
    "lid mitglied entity "
    "account relatie billing invoice bill payment factuur rechnungs rechnung orders order bestelling bestellung "
    "purchase sales"
)
ORDER_OWNERS = _words("orders order sales bestellingen bestelling bestellungen bestellung purchase shop webshop")
LINE_OWNERS = _words("products product items item articles article artikel lines line order ordered detail")

# What may stand before the name of a table, or of all of its columns, without meaning anything.
SCHEMA_PREFIXES = _words(
    "wpwc wp wc ps oc ox sylius shopware spree solidus mage magento cubecart cc zen s tbl tab t dbo shop webshop app"
)

ORDER_TABLES = frozenset(
    _words(
        "order salesorder saleorder purchase bestelling bestellung auftrag auftraege verkoop verkopen verkauf "
        "verkaeufe "
        "ordersummary orderheader orderhead orderorder booking boeking boekingen buchung buchungen reservation "
        "reservering reserveringen shoporder weborder customerorder"
    )
)
# Tables whose rows have an amount and a number and are no orders.
NO_ORDERS = _words(
    "invoice creditmemo refund return rma quote cart basket payment transaction shipment delivery shipping factuur "
    "facturen rechnung retoure retour mahnung gutschrift offerte angebot winkelwagen warenkorb history log archive "
    "address adres adresse coupon voucher grid"
)
PEOPLE_TABLES = frozenset(
    _words(
        "customer client klant kunde user gebruiker benutzer contact contacten kontakt person people persoon "
        "personen "
        "member lid leden mitglied mitglieder account relatie customerentity customerlookup partner respartner "
        "accountuser profile "
        "guest gast gasten gaeste patient student customeraccount shopuser customeruser buyer shopper koper kaeufer"
    )
)
SUBSCRIBER_TABLES = frozenset(
    _words(
        "subscriber newsletter newslettersubscriber newsletterrecipient newslettersubscription subscription "
        "mailinglist mailingsubscriber newssubscribed emailsubscription nieuwsbrief nieuwsbriefabonnee abonnee "
        "abonnement abonnent newsletterabonnent emailsubscriber campaignsmailaddress optin emailsubscriptions"
    )
)
# What follows the thing that a table holds.
TABLE_ENDINGS = _words("entity entities data master flat table tbl lookup record records info")

# The code of a language, a currency or a country, in a table of its own.
CODE_TABLES = MappingProxyType(
    {
        "language": _words("language lang locale taal sprache langs locales talen sprachen"),
        "currency": _words("currency currencies valuta waehrung munt waehrungen"),
        "country": _words("country countries land landen laender"),
    }
)
CODE_REFERENCES = MappingProxyType(
    {
        "language": _words("languageid langid idlang idlanguage language lang localeid taalid taal spracheid "
                           "spracheid preferredlanguageid"),
        "currency": _words("currencyid idcurrency currency valutaid valuta waehrungid waehrungsid"),
        "country": _words("countryid idcountry country landid land"),
    }
)  # fmt: skip
CODE_COLUMNS = MappingProxyType(
    {
        "language": _words("locale languagecode localecode code isocode iso langcode taalcode abbreviation oxabbr"),
        "currency": _words("isocode code currencycode iso iso3 alphacode currency valutacode"),
        "country": _words("isocode2 isocode isoalpha2 iso2 countrycode countryiso iso code alpha2 "
        "countriesisocode2 "
                          "isoalpha isocode_2"),
    }
)  # fmt: skip

# Parts of the names of columns that give access: they are never offered.
SECRETS = _words(
    "password passwd passwort passwrd wachtwoord kennwort passphrase securekey apikey "
    "privatekey sessionid sessionkey confirmcode confirmationcode activationcode activationkey verificationcode "
    "resetkey resetcode otpsecret twofactor totp securityquestion securityanswer creditcard cardnumber cvv cvc "
    "magiclink loginlink confirmationkey deeplink protectcode pincode accesscode ccnumber passportn paspoort "
    "encrypted fingerprint authkey accesskey optinkey unsubscribekey unsubscribecode confirmkey updatekey tokenkey"
)
# Also numbers of bank accounts and of citizens, which identify a person for good.
SECRET_WORDS = _words("hash salt token secret pwd iban bsn")
SECRET_NAMES = frozenset(_words("ssn pass pw pin otp salt hash token nonce passsalt code6 userpass remember"))
