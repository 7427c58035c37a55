"""The words of an API's answer that may be quoted: those of error messages, and the names of fields.

The rule: a closed list of harmless words, because personal ones cannot be listed. Words that may also be names of
persons (will, mark, may) are left out.
"""

from __future__ import annotations

from etl.mapping.catalogue import EVENTS, FIELDS

_PLAIN = """
a aan aborted about above accept accepted access according account accounts across activate activated active actual add
added address addresses admin after again al all allocate allocated allow allowance allowed already als also
alternatively always am amount amounts an and another any api apikey application archived are argument arguments array
as ask assertion at attack attempt attempts attribute attributes auth authenticate authentication authorization
authorized auto available back backend bad bank banned base batch batches be because bedrag been before begin begins
below bestaat bestelling between bij billing blocked body boolean both bounced bound bounds broken bug busy but by byte
bytes cache call called calls can canceled cancelled cannot case category certain certificate cet change changed channel
char character characters check checked checkout checks chunk class clear client closed cluster code codes collection
column columns com combination comma complete condition configuration conflict connect connection consent constraint
contact contacts contain contained containing contains content contract conversion convert cookie correct corrupt cost
costs could count country counts crashed create created creation credential credentials credit credits csrf csv
currencies currency current custom customer cut daemon daily dashboard dat data database date dates datetime datum day
days de deactivated deadlock decimal default delete deleted denied deny dependency depleted deprecated description
deserialize details detected device deze did die digit digits disabled disallowed discount disk dit dns do does done
double down dubbel due dump duplicate duplicated duplicates duration during each ecommerce een eerst either element
elements else email emails empty en enabled encoded encoding end ended endpoint ends engine enough entity entries entry
enum equal err error errors event events every exact exactly exc exceed exceeded exceeds except exception execute
executed execution exhausted exist existing exists expect expectation expected expects expired expires extended external
fail failed failing failure failures false fatal fault feature feed fetch fewer field fields file filter firewall first
fix flag float follow following for forbidden foreign forged form format formats found fout fraction frequency from
frozen full function funds future gateway gebruiker geen geldig geldige gender get gevonden geweigerd given global gmt
go gone goods got greater group had half handle handled handler handling handshake hard has hash hashed have header
headers heap hello helpdesk het high higher hints hold host hour hourly hours how html http https id identification
identifier identifiers identify identity ids if ignored illegal implemented import importing in inaccessible inactive
incident include included includes incomplete inconsistent incorrect index injection input insecure insert inserted
instance instead insufficient integer integers integrity internal interrupted into invalid invocation invoice invoices
ip is iso iso8601 issue issued it item items its ja json juist junk just kernel key keyed keys kind klant know known
label lang language languages lapsed large larger last later layer leak least leeg left legal length less letter letters
level library licence licences license licenses like limit limited limits line lines list lists load lock locked login
long longer loop loss lost lower lowercase lowest mag mail maintenance malformed malicious mandatory many mapping match
matched matches matching max maximaal maximum maybe md5 media meer memory merge merged message messages met method
middleware million min minder minimaal minimum minute minutes misconfigured misdirected mismatch missing mobile mode
module moet month monthly months more most moved multi multiple must mutex na naam naar name named names namespace nee
need needed needs negative negotiates negotiation network never new newsletter next niet no nodig nog non none nor not
notfound nothing now null nullable number numbers numeric object objects occurred odd of off offset old older om on
onbekend onbekende once one ongeldig ongeldige only ontbreekt ontbrekend oops op open operation operator option optional
options or order orders origin other out outside outstanding over overdue overflow overload overloaded overrun own
package page pages paid panel panic parameter parameters parse parsed parser parsing part partially parts pass passed
past path pattern pause paused payload payment per period permanently permission permissions permitted phone pipe pixel
plan plans please pm pointer policy pool position positions positive possible post precondition preflight present
previous price prices primary privilege privileges problem problems proc process processed processing product products
profile profiles progress properties property protocol provide provided proxy public purchase put quantity queries query
queue quota quotas quoted ran range rate raw reach reached read reason reasons receive received recipient record records
redirect redirected reference referenced refuse refused refusing reject rejected rejection relation release reload
remaining remote remove removed rendering renew renewal renewed repeat replica request requested requests require
required requires reset resolve resolved resolver resource response restart restricted result retried retries retry
retrying return returned revoked rfc3339 rollback rolled route routing row rows rule rules runtime same sandbox
satisfiable save saved say schema scope script second seconds section security see segment segmentation select send
sender sending sent sequence serialization serialize server service session set sets setting settings several sha256
shard short should shown shutdown sign signal signed similar simple since single size sku skus small smaller so socket
soft some something sorry source space spaces spam specified spotler sql sqlstate squeezely sqzly ssl stack stale start
started starts state statement status still stop stopped storage store stored stream strict string strings subscribed
subscriber subscription subsystem success successful successfully such support supported suspended switching syntax
system table tag task te teapot teken tekens temporarily temporary tenant terminated test text than that the their them
then there these they third this those thread threshold throttle throttled throttling throw thrown tijd time timed
timeout timeouts times timestamp timestamps timezone title tls to today toegestaan token tokens too total traceback
track tracking transaction trial trigger true truncated try tuple twice type types unable unaccepted unallowed
unauthenticated unauthorized unavailable uncaught undefined under underlying unexpected unhandled unicode unimplemented
unique unit unknown unless unpaid unprocessable unprocessed unreachable unreadable unrecognised unrecognized unresolved
unsafe unsatisfied unserialize unsubscribed unsupported until up update updated upgrade uppercase upstream uri url urls
usage use used user userid users using utc utf uuid valid validate validated validation validator value values van
variable variants veld velden verified verify verplicht version very via violates violation violations visibility visit
volgende voor waarde waarden wachten waf wait warning warnings was way we web webhook week weekly wel well went were
what when where whether which while whole with within without word words wordt worker workspace write written wrong
wrongly xml year yearly years yes yet you your yyyy zero zijn zone

abgelaufen abonnement afgelopen beendet bereikt betaald beëindigd compte contrat cuenta cuota deaktiviert dépassé
désactivé erreicht erschöpft essai facturen factuur geblokkeerd gedeactiveerd gekündigt gesperrt guthaben inactief
kontingent konto licentie limiet lizenz maandlimiet onderhoud onvoldoende openstaande opgeschort overschreden pakket
probeer probezeit proefperiode prueba rechnung später suspendida suspendido suspendu tegoed terminada terminé terminée
testphase uitgeschakeld uw veel verbruikt verlopen vertrag verzoeken wartung wurde zu überschritten
"""
VOCABULARY = frozenset(
    word for text in (_PLAIN, *FIELDS, *EVENTS) for word in text.lower().replace("_", " ").split()
) | {name.lower() for name in (*FIELDS, *EVENTS)}
