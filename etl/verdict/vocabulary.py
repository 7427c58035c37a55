"""The words that an API's answer may be quoted with: those of error messages, and the names of fields.

The rule: a closed list, because what looks personal cannot be listed. A word that may also be a first or last name
(will, mark, may) is not in it.
"""

from __future__ import annotations

from etl.mapping.catalogue import EVENTS, FIELDS

_PLAIN = """
a aan about above accept accepted access according account accounts across activate activated active actual add added
address addresses admin after again al all allow allowance allowed already als also alternatively always amount
amounts an and another any api apikey application archived are argument arguments array as ask at attempt attempts
attribute attributes auth authenticate authentication authorization authorized auto available back bad bank banned
base batch batches be because bedrag been before begin begins below bestaat bestelling between bij billing blocked
body boolean both bounced bound bounds but by byte bytes call called calls can canceled cancelled cannot case category
certain cet change changed channel char character characters check checked checkout checks clear client closed code
codes collection column columns com combination comma complete condition conflict connect connection consent contact
contacts contain contained containing contains content contract conversion convert correct corrupt cost costs could
count country counts create created creation credential credentials credit credits csv currencies currency current
custom customer daily dashboard dat data database date dates datetime datum day days de deactivated deadlock decimal
default delete deleted denied deny depleted deprecated description details device deze did die digit digits disabled
discount dit do does done double down dubbel due duplicate duplicated duplicates duration during each early ecommerce
een eerst either element elements else email emails empty en enabled encoded encoding end ended endpoint ends enough
entity entries entry enum equal err error errors event events every exact exactly exc exceed exceeded exceeds except
exception exhausted exist existing exists expect expected expects expired expires external fail failed failing failure
failures false feature feed fewer field fields file filter first fix flag float follow following for forbidden form
format formats found fout fraction frequency from frozen full function funds future gateway gebruiker geen geldig
geldige gender get gevonden geweigerd given global gmt go goods got greater group had half hard has hash hashed have
header headers hello helpdesk het high higher hold host hour hourly hours how html http https id identification
identifier identifiers identify identity ids if ignored illegal import importing in inactive include included includes
incomplete incorrect index input inserted instead insufficient integer integers internal into invalid invoice invoices
ip is iso iso8601 issue issued it item items its ja json juist just key keyed keys kind klant know known label lang
language languages lapsed large larger last later least leeg left length less letter letters level licence licences
license licenses like limit limited limits line lines list lists lock locked login long longer loss lower lowercase
lowest mag mail maintenance malformed mandatory many mapping match matched matches matching max maximaal maximum maybe
md5 meer merge merged message messages met method million min minder minimaal minimum minute minutes mismatch missing
mobile mode moet month monthly months more most must na naam naar name named names nee need needed needs negative
never new newsletter next niet no nodig nog non none nor not notfound nothing now null number numbers numeric object
objects occurred odd of off offset old older om on onbekend onbekende once one ongeldig ongeldige only ontbreekt
ontbrekend op open operation option optional options or order orders other out outside outstanding over overdue own
package page pages paid panel parameter parameters parse parsed parser parsing part partially parts pass passed past
path pattern pause paused payload payment per period permission permissions permitted phone pixel plan plans please pm
position positions positive possible post present previous price prices problem problems process processed processing
product products profile profiles progress properties property provide provided public purchase put quantity queue
quota quotas ran range rate raw reach reached read reason receive received record records refused reject rejected
rejection remaining remote remove removed renew renewal renewed repeat request requested requests require required
requires resource response restricted result retried retry return returned revoked rfc3339 row rows rule rules same
save saved say schema second seconds section see segment send sender sending sent server service session set sets
setting settings several sha256 short should shown sign signed similar simple since single size sku skus small smaller
so soft some something source space spaces specified spotler squeezely sqzly ssl start started starts state status
still stop stopped store stored string strings subscribed subscriber subscription success successful successfully such
support supported suspended syntax system table tag te teken tekens temporarily temporary tenant terminated test text
than that the their them then there these they third this those tijd time timed timeout times timestamp timestamps
timezone title tls to today toegestaan token tokens too total track tracking transaction trial true try twice type
types unable unauthenticated unauthorized unavailable undefined under unexpected unicode unique unit unknown unless
unpaid unprocessable unreadable unrecognised unrecognized unsubscribed unsupported until up update updated upgrade
uppercase url urls usage use used user userid users using utc utf uuid valid validate validated validation validator
value values van variable veld velden verified verify verplicht version very via visit volgende voor waarde waarden
wachten wait was way we webhook week weekly wel well went were what when where whether which while whole with within
without word words wordt workspace wrong xml year yearly years yes yet you your yyyy zero zijn zone

abgelaufen abonnement afgelopen beendet bereikt betaald beëindigd compte contrat cuenta cuota deaktiviert dépassé
désactivé erreicht erschöpft essai facturen factuur geblokkeerd gedeactiveerd gekündigt gesperrt guthaben inactief
kontingent konto licentie limiet lizenz maandlimiet onderhoud onvoldoende openstaande opgeschort overschreden pakket
probeer probezeit proefperiode prueba rechnung später suspendida suspendido suspendu tegoed terminada terminé terminée
testphase uitgeschakeld uw veel verbruikt verlopen vertrag verzoeken wartung wurde zu überschritten
"""
VOCABULARY = frozenset(
    word for text in (_PLAIN, *FIELDS, *EVENTS) for word in text.lower().replace("_", " ").split()
) | {name.lower() for name in (*FIELDS, *EVENTS)}
