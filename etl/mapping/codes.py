"""ISO 4217, ISO 3166-1 and ISO 639-1 as of 2026, with what was withdrawn: data of this program, of its own version.

The rule: a code once valid stays valid, so that neither an update of a package nor a decision of a standards body makes
valid rows invalid. Codes are added by hand; a test lists codes that the packages know and this module does not.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

_CURRENCIES = """
AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BHD BIF BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF CHW
CLF CLP CNY COP COU CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL
HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA
MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD
RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD
USN UYI UYU UYW UZS VED VES VND VUV WST XAD XAF XAG XAU XBA XBB XBC XBD XCD XCG XDR XOF XPD XPF XPT XSU XTS XUA XXX
YER ZAR ZMW ZWG
"""
# With the year in which they ceased to be legal tender (ISO 4217, list three).
_WITHDRAWN_CURRENCIES = """
ADP:2003 AFA:2003 ALK:1989 ANG:2025 AOK:1991 AON:2000 AOR:2000 ARA:1992 ARP:1985 ARY:1990 ATS:2002 AYM:2005 AZM:2005
BAD:1998 BEC:1990 BEF:2002 BEL:1990 BGJ:1990 BGK:1990 BGL:2003 BGN:2026 BOP:1987 BRB:1986 BRC:1989 BRE:1993 BRN:1990
BRR:1994 BUK:1990 BYB:2001 BYR:2017 CHC:2004 CSD:2006 CSJ:1990 CSK:1993 CUC:2021 CYP:2008 DDM:1990 DEM:2002 ECS:2000
ECV:2000 EEK:2011 ESA:1981 ESB:1994 ESP:2002 FIM:2002 FRF:2002 GEK:1995 GHC:2008 GHP:2007 GNE:1989 GNS:1986 GQE:1989
GRD:2002 GWE:1981 GWP:1997 HRD:1995 HRK:2023 IEP:2002 ILP:1981 ILR:1990 ISJ:1990 ITL:2002 LAJ:1989 LSM:1985 LTL:2015
LTT:1993 LUC:1990 LUF:2002 LUL:1990 LVL:2014 LVR:1994 MGF:2005 MLF:1984 MRO:2018 MTL:2008 MTP:1983 MVQ:1989 MXP:1993
MZE:1981 MZM:2006 NIC:1990 NLG:2002 PEH:1990 PEI:1991 PES:1986 PLZ:1997 PTE:2002 RHD:1981 ROK:1990 ROL:2005 RUR:2004
SDD:2007 SDP:1998 SIT:2007 SKK:2009 SLL:2023 SRG:2004 STD:2018 SUR:1990 TJR:2001 TMM:2009 TPE:2002 TRL:2005 UAK:1996
UGS:1987 UGW:1990 USS:2014 UYN:1989 UYP:1993 VEB:2008 VEF:2018 VNC:1990 XEU:1999 XFO:2006 XRE:1999 YDD:1991 YUD:1990
YUM:2003 YUN:1995 ZAL:1995 ZMK:2012 ZRN:1999 ZRZ:1994 ZWC:1990 ZWD:2008 ZWL:2024 ZWN:2006 ZWR:2009
"""
# alpha-2 and alpha-3; XK and XKX, of the range for private use, are what the European Union writes for Kosovo.
_COUNTRIES = """
AD:AND AE:ARE AF:AFG AG:ATG AI:AIA AL:ALB AM:ARM AO:AGO AQ:ATA AR:ARG AS:ASM AT:AUT AU:AUS AW:ABW AX:ALA AZ:AZE BA:BIH
BB:BRB BD:BGD BE:BEL BF:BFA BG:BGR BH:BHR BI:BDI BJ:BEN BL:BLM BM:BMU BN:BRN BO:BOL BQ:BES BR:BRA BS:BHS BT:BTN BV:BVT
BW:BWA BY:BLR BZ:BLZ CA:CAN CC:CCK CD:COD CF:CAF CG:COG CH:CHE CI:CIV CK:COK CL:CHL CM:CMR CN:CHN CO:COL CR:CRI CU:CUB
CV:CPV CW:CUW CX:CXR CY:CYP CZ:CZE DE:DEU DJ:DJI DK:DNK DM:DMA DO:DOM DZ:DZA EC:ECU EE:EST EG:EGY EH:ESH ER:ERI ES:ESP
ET:ETH FI:FIN FJ:FJI FK:FLK FM:FSM FO:FRO FR:FRA GA:GAB GB:GBR GD:GRD GE:GEO GF:GUF GG:GGY GH:GHA GI:GIB GL:GRL GM:GMB
GN:GIN GP:GLP GQ:GNQ GR:GRC GS:SGS GT:GTM GU:GUM GW:GNB GY:GUY HK:HKG HM:HMD HN:HND HR:HRV HT:HTI HU:HUN ID:IDN IE:IRL
IL:ISR IM:IMN IN:IND IO:IOT IQ:IRQ IR:IRN IS:ISL IT:ITA JE:JEY JM:JAM JO:JOR JP:JPN KE:KEN KG:KGZ KH:KHM KI:KIR KM:COM
KN:KNA KP:PRK KR:KOR KW:KWT KY:CYM KZ:KAZ LA:LAO LB:LBN LC:LCA LI:LIE LK:LKA LR:LBR LS:LSO LT:LTU LU:LUX LV:LVA LY:LBY
MA:MAR MC:MCO MD:MDA ME:MNE MF:MAF MG:MDG MH:MHL MK:MKD ML:MLI MM:MMR MN:MNG MO:MAC MP:MNP MQ:MTQ MR:MRT MS:MSR MT:MLT
MU:MUS MV:MDV MW:MWI MX:MEX MY:MYS MZ:MOZ NA:NAM NC:NCL NE:NER NF:NFK NG:NGA NI:NIC NL:NLD NO:NOR NP:NPL NR:NRU NU:NIU
NZ:NZL OM:OMN PA:PAN PE:PER PF:PYF PG:PNG PH:PHL PK:PAK PL:POL PM:SPM PN:PCN PR:PRI PS:PSE PT:PRT PW:PLW PY:PRY QA:QAT
RE:REU RO:ROU RS:SRB RU:RUS RW:RWA SA:SAU SB:SLB SC:SYC SD:SDN SE:SWE SG:SGP SH:SHN SI:SVN SJ:SJM SK:SVK SL:SLE SM:SMR
SN:SEN SO:SOM SR:SUR SS:SSD ST:STP SV:SLV SX:SXM SY:SYR SZ:SWZ TC:TCA TD:TCD TF:ATF TG:TGO TH:THA TJ:TJK TK:TKL TL:TLS
TM:TKM TN:TUN TO:TON TR:TUR TT:TTO TV:TUV TW:TWN TZ:TZA UA:UKR UG:UGA UM:UMI US:USA UY:URY UZ:UZB VA:VAT VC:VCT VE:VEN
VG:VGB VI:VIR VN:VNM VU:VUT WF:WLF WS:WSM YE:YEM YT:MYT ZA:ZAF ZM:ZMB ZW:ZWE XK:XKX
"""
# ISO 639-1 with the codes of ISO 639-2, terminological and bibliographic.
_LANGUAGES = """
aa:aar ab:abk ae:ave af:afr ak:aka am:amh an:arg ar:ara as:asm av:ava ay:aym az:aze ba:bak be:bel bg:bul bi:bis bm:bam
bn:ben bo:bod:tib br:bre bs:bos ca:cat ce:che ch:cha co:cos cr:cre cs:ces:cze cu:chu cv:chv cy:cym:wel da:dan
de:deu:ger dv:div dz:dzo ee:ewe el:ell:gre en:eng eo:epo es:spa et:est eu:eus:baq fa:fas:per ff:ful fi:fin fj:fij
fo:fao fr:fra:fre fy:fry ga:gle gd:gla gl:glg gn:grn gu:guj gv:glv ha:hau he:heb hi:hin ho:hmo hr:hrv ht:hat hu:hun
hy:hye:arm hz:her ia:ina id:ind ie:ile ig:ibo ii:iii ik:ipk io:ido is:isl:ice it:ita iu:iku ja:jpn jv:jav ka:kat:geo
kg:kon ki:kik kj:kua kk:kaz kl:kal km:khm kn:kan ko:kor kr:kau ks:kas ku:kur kv:kom kw:cor ky:kir la:lat lb:ltz lg:lug
li:lim ln:lin lo:lao lt:lit lu:lub lv:lav mg:mlg mh:mah mi:mri:mao mk:mkd:mac ml:mal mn:mon mr:mar ms:msa:may mt:mlt
my:mya:bur na:nau nb:nob nd:nde ne:nep ng:ndo nl:nld:dut nn:nno no:nor nr:nbl nv:nav ny:nya oc:oci oj:oji om:orm
or:ori os:oss pa:pan pi:pli pl:pol ps:pus pt:por qu:que rm:roh rn:run ro:ron:rum ru:rus rw:kin sa:san sc:srd sd:snd
se:sme sg:sag sh:hbs si:sin sk:slk:slo sl:slv sm:smo sn:sna so:som sq:sqi:alb sr:srp ss:ssw st:sot su:sun sv:swe
sw:swa ta:tam te:tel tg:tgk th:tha ti:tir tk:tuk tl:tgl tn:tsn to:ton tr:tur ts:tso tt:tat tw:twi ty:tah ug:uig uk:ukr
ur:urd uz:uzb ve:ven vi:vie vo:vol wa:wln wo:wol xh:xho yi:yid yo:yor za:zha zh:zho:chi zu:zul
"""


def _pairs(text: str) -> list[list[str]]:
    return [one.split(":") for one in text.split()]


CURRENCIES = frozenset(_CURRENCIES.split())
WITHDRAWN_CURRENCIES: Mapping[str, int] = MappingProxyType(
    {code: int(year) for code, year in _pairs(_WITHDRAWN_CURRENCIES)}
)
COUNTRIES: Mapping[str, str] = MappingProxyType(dict(_pairs(_COUNTRIES)))
LANGUAGES: Mapping[str, tuple[str, ...]] = MappingProxyType({two: tuple(others) for two, *others in _pairs(_LANGUAGES)})
