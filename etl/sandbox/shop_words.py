"""Names, places and goods of the demo shop: invented people at example.* addresses, written as their countries do.

Diacritics, particles and apostrophes are here on purpose: they are what a mapping has to carry through unharmed.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Country:
    """How the customers of one country look. Each name is as likely as the next; weights are repetitions."""

    code: str
    currencies: tuple[str | None, ...]
    locales: tuple[str | None, ...]
    women: tuple[str, ...]
    men: tuple[str, ...]
    families: tuple[str, ...]
    streets: tuple[str, ...]
    places: tuple[tuple[str, str, str], ...]  # city, province, first characters of its postcode
    postcode: str  # what follows those characters: 0 = a digit, A = a letter
    phone: str  # 0 = a digit


NETHERLANDS = Country(
    code="NL",
    currencies=("EUR", "EUR", "EUR", "EUR", "eur", "EUR", "EUR", None),
    locales=("nl_NL", "nl_NL", "nl_NL", "nl-NL", "nl_NL", "nl", "en_GB", None),
    women=(
        "Sanne",
        "Fleur",
        "Noor",
        "Eva",
        "Anouk",
        "Maartje",
        "Femke",
        "Zoë",
        "Renée",
        "Anne-Fleur",
        "Aïsha",
        "Lotte",
    ),
    men=(
        "Daan",
        "Sem",
        "Bram",
        "Thijs",
        "Jasper",
        "Ruben",
        "Niels",
        "Loïc",
        "Jeroen",
        "Kees",
        "Mohammed",
        "Jan-Willem",
    ),
    families=(
        "de Vries",
        "van den Berg",
        "van der Meer",
        "Jansen",
        "Bakker",
        "Visser",
        "'t Hart",
        "van 't Hof",
        "Mulder",
        "Brouwer",
        "Dijkstra",
        "ter Horst",
        "El Amrani",
        "Yılmaz",  # noqa: RUF001  # a Turkish name
        "Hoekstra-de Boer",
        "Çelik",
    ),
    streets=("Dorpsstraat", "Kerkweg", "Prins Hendrikkade", "'s-Gravenweg", "Lange Nieuwstraat", "Burg. Roëllstraat"),
    places=(
        ("Amsterdam", "Noord-Holland", "10"),
        ("Utrecht", "Utrecht", "35"),
        ("'s-Hertogenbosch", "Noord-Brabant", "52"),
        ("Groningen", "Groningen", "97"),
        ("Súdwest-Fryslân", "Fryslân", "86"),
        ("Zwolle", "Overijssel", "80"),
        ("Maastricht", "Limburg", "62"),
    ),
    postcode="00 AA",
    phone="+316-00000000",
)
BELGIUM = Country(
    code="BE",
    currencies=("EUR", "EUR", "EUR", "eur"),
    locales=("nl-BE", "nl_BE", "nl-BE", "fr_BE", "fr-BE"),
    women=("Marie", "Elise", "Julie", "Hélène", "Lien", "Margaux", "Céline", "An"),
    men=("Arthur", "Lucas", "Jérôme", "Wout", "Benoît", "Pieter", "François", "Stijn"),
    families=("Peeters", "Janssens", "Maes", "De Smet", "D'Hondt", "Van den Broeck", "Lefèvre", "Dubois", "Claes"),
    streets=("Kapellestraat", "Rue de l'Église", "Grote Markt", "Chaussée de Wavre", "Steenweg"),
    places=(
        ("Antwerpen", "Antwerpen", "20"),
        ("Gent", "Oost-Vlaanderen", "90"),
        ("Liège", "Liège", "40"),
        ("Brussel", "Brussel", "10"),
        ("Leuven", "Vlaams-Brabant", "30"),
    ),
    postcode="00",
    phone="+324-70000000",
)
GERMANY = Country(
    code="DE",
    currencies=("EUR", "EUR", "EUR", "eur"),
    locales=("de_DE", "de_DE", "de-DE", "de"),
    women=("Anna", "Jürgita", "Käthe", "Lena", "Sophie", "Änne", "Mia"),
    men=("Jürgen", "Jörg", "Lukas", "Sören", "Maximilian", "Björn", "Felix"),
    families=("Müller", "Schröder", "Weiß", "von der Heide", "Groß", "Schäfer", "Köhler", "Öztürk", "Becker"),
    streets=("Hauptstraße", "Königsallee", "Am Bahnhof", "Goethestraße", "Lindenweg"),
    places=(
        ("Köln", "Nordrhein-Westfalen", "50"),
        ("München", "Bayern", "80"),
        ("Dresden", "Sachsen", "01"),
        ("Düsseldorf", "Nordrhein-Westfalen", "40"),
        ("Halle (Saale)", "Sachsen-Anhalt", "06"),
    ),
    postcode="000",
    phone="+49151-0000000",
)
BRITAIN = Country(
    code="GB",
    currencies=("GBP", "GBP", "GBP", "gbp"),
    locales=("en_GB", "en-GB", "en"),
    women=("Olivia", "Siân", "Niamh", "Charlotte", "Zara", "Chloë"),
    men=("Oliver", "Harry", "Rhys", "Connor", "Jack", "Seán"),
    families=("Smith", "O'Brien", "Taylor-Jones", "MacLeod", "Patel", "Ó Súilleabháin", "Wright"),
    streets=("High Street", "Church Lane", "St. Mary's Road", "Victoria Avenue"),
    places=(
        ("London", "Greater London", "SW1"),
        ("Leeds", "West Yorkshire", "LS1"),
        ("Cardiff", "South Glamorgan", "CF1"),
        ("Edinburgh", "Midlothian", "EH1"),
    ),
    postcode=" 0AA",
    phone="+4477-00000000",
)

# One place a twentieth of the customers.
COUNTRIES = (*(NETHERLANDS,) * 12, *(BELGIUM,) * 4, *(GERMANY,) * 3, BRITAIN)

# SKU, title, price in cents, category. Leading zeros belong to the SKU.
GOODS = (
    ("000417", "Koffiebonen “Huisblend” 1 kg", 1595, 12),
    ("000418", "Espressokopje, set van 4", 2250, 12),
    ("10233", "Theepot gietijzer 1,2 l", 3995, 12),
    ("0090001", "Linnen tafelkleed 140×220 cm", 5450, 31),  # noqa: RUF001  # as shops write it
    ("TX-5521-BL", "Wollen plaid, blauw", 7900, 31),
    ("TX-5521-GR", "Wollen plaid, grün", 7900, 31),
    ("00007", "Cadeaubon", 2500, 99),
    ("BK-112", "Kookboek “À la maison”", 2999, 44),
    ("BK-118", "Het grote broodboek", 3450, 44),
    ("004410", "Snijplank olijfhout", 2795, 15),
    ("004411", "Koksmes 20 cm", 8900, 15),
    ("004412", "Wetsteen #1000/#6000", 4200, 15),
    ("GL-30", "Waterglas 30 cl", 395, 18),
    ("GL-45", "Wijnglas 45 cl", 895, 18),
    ("0000000123", "Kaars <handgemaakt> & geurvrij", 1250, 60),
    ("K-77/2", 'Vaas "Delft" 22 cm', 4750, 60),
)
