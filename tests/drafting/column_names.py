"""What columns are called, in shops and in the systems behind them, and the field that each must become."""

PEOPLE = """
email: email e_mail E-Mail EMail emailaddress email_address EmailAddress customer_email customers_email_address
  user_email billing_email subscriber_email mailadres e_mailadres mail klant_email kunde_email Mailadresse emailadres
  payment_email OXBILLEMAIL ps_email
userid: external_id externalId external_user_id
firstname: firstname first_name FirstName fname customers_firstname billing_first_name voornaam klant_voornaam Vorname
  given_name roepnaam OXFNAME customer_firstname payment_firstname
lastname: lastname last_name LastName lname surname customers_lastname achternaam Nachname familienaam family_name
  billing_last_name OXLNAME
gender: gender sex geslacht Geschlecht id_gender customers_gender anrede salutation aanhef OXSAL
birthdate: birthdate birth_date born_on geboren_op dob date_of_birth birthday customers_dob geboortedatum Geburtsdatum
  geb_datum OXBIRTHDATE
phone: phone telephone phone_number customers_telephone telefoonnummer Telefon mobile handy gsm mobiel billing_phone
  OXFON
postcode: postcode zip zip_code postal_code PLZ Postleitzahl billing_postcode customers_postcode OXBILLZIP
city: city town plaats woonplaats Ort Stadt billing_city payment_city customers_city OXBILLCITY
country: country country_code countryCode land landcode Länderkennzeichen billing_country country_iso
language: language locale lang language_code locale_code taal taalcode Sprache preferred_language
currency: currency currency_code valuta Währung order_currency_code iso_currency
newsletter: newsletter newsletter_opt_in subscribed_to_newsletter customers_newsletter nieuwsbrief is_subscribed
  newsletter_subscription Newsletter-Anmeldung email_opt_in OXDBOPTIN mailing_list newsletter_consent
marketing: marketing_opt_in accepts_marketing accepts_email_marketing marketing_consent Werbeeinwilligung
  email_marketing_consent marketing_emails
service: service_opt_in service_mails
"""

ORDERS = """
orderid: order_number orderNumber order_no order_nr ordernr increment_id orders_id cart_order_id order_reference
  bestelnummer Bestellnr Auftragsnummer display_id order_code purchase_number OXORDERNR number reference nummer
  referentie order_ref
totalvalue: total grand_total order_total total_paid total_amount total_price total_gross_amount amount_total
  invoice_amount totaalbedrag totaal_incl_btw Gesamtbetrag Gesamtsumme Endbetrag total_inc_tax OXTOTALORDERSUM
  total_paid_tax_incl order_amount orderbedrag Bestellwert
timestamp: order_date ordered_at date_purchased placed_at purchased_at completed_at checkout_completed_at order_time
  orderDateTime besteldatum besteld_op Bestelldatum Auftragsdatum OXORDERDATE date_ordered created_at date_add
  date_added
  date_created_gmt created aangemaakt_op erstellt_am
"""

LINES = """
id: sku product_sku article_number artikelnummer artnr artnum OXARTNUM product_reference products_model model
  product_code item_code Produktnummer stock_code variant_sku articleordernumber
name: title name product_name products_name label omschrijving Bezeichnung item_name productnaam OXTITLE
price: price unit_price final_price unit_price_tax_incl unit_price_gross_amount stukprijs Einzelpreis products_price
  bprice OXBPRICE
quantity: quantity qty qty_ordered product_qty product_quantity products_quantity aantal Menge Anzahl OXAMOUNT
  ordered_quantity amount units
"""

CHANGES = """
updated_at date_upd date_updated_gmt change_status_at modified last_modified lastUpdated updated date_modified
modified_ms updatedMs updated_ts changed_epoch updated_s modified_at
gewijzigd_op bijgewerkt_op geändert_am Aktualisiert_am mutatiedatum last_update updated_on
"""

NEVER = """
password passwd pass user_pass password_hash pwd wachtwoord Passwort Kennwort salt passsalt OXPASSSALT secure_key
reset_password_token remember_token api_key apiKey access_token jwt_token_key confirm_code subscriber_confirm_code
user_activation_key encrypted_password rp_token auth_key two_factor_secret pin cc_cvv cvv hash session_id OXUPDATEKEY
magic_link login_link confirmationkey deep_link_code protect_code pin_code cc_number iban customer_iban IBAN bsn
BSN ssn passport_number access_code
"""


def rows(table: str) -> list[tuple[str, str]]:
    """Pairs of a column's name and its field."""
    found, field = [], ""
    for line in table.strip().splitlines():
        head, colon, rest = line.partition(":")
        if colon and not line.startswith(" "):
            field, line = head, rest  # noqa: PLW2901
        found += [(name, field) for name in line.split()]
    return found
