"""Turns of phrase that state something lasting of a person, or something passing, in six languages.

Each family is one expression without nested repetition, so that reading a text takes time linear in its length.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

from reverie.analysis.cue_search import PhraseSearch

__all__ = ["Cues", "read_cues"]

_READ = 1000
"""Characters of a text that are read. A fact that starts later is one of many in a long story."""

_MOST = 3
"""Families that count: a long text holds many by its length alone."""

_RELATIVE = {
    "en": r"(?:mum|mom|mother|dad|father|parents|sister|brother|twins?|son|daughter|kids?|boys|girls|children|wife"
    r"|husband|partner|boyfriend|girlfriend|fianc[eé]e?|gran(?:dmother|dfather|dma|dpa|ny)?|aunt|uncle|cousin|niece"
    r"|nephew|in-laws|ex|best friend|godson|goddaughter|step\w{3,8}|baby)",
    "de": r"(?:mama|mutter|papa|vater|eltern|schwester|bruder|zwillinge|sohn|tochter|kinder|frau|mann|partner(?:in)?"
    r"|freund(?:in)?|verlobter?|oma|opa|großmutter|großvater|tante|onkel|cousine?|nichte|neffe|beste[rn]? freund(?:in)?"
    r"|brüder|schwestern)",
    "es": r"(?:mamá|madre|papá|padre|padres|hermanas?|hermanos?|hij[oa]s?|mellizos|gemelos|mujer|esposa|marido|esposo"
    r"|pareja|novi[oa]|abuel[oa]s?|tí[oa]s?|prim[oa]s?|sobrin[oa]s?|mejor amig[oa]|suegr[oa])",
    "fr": r"(?:maman|mère|papa|père|parents|sœurs?|soeurs?|frères?|fils|filles?|enfants|jumeaux|femme|mari|compagne"
    r"|compagnon|copine|copain|grand-mère|grand-père|mamie|papi|tante|oncle|cousine?|nièce|neveu|meilleure? amie?)",
    "pt": r"(?:mãe|pai|pais|irmãs?|irmãos?|irmão|filh[oa]s?|gémeos|gêmeos|mulher|esposa|marido|namorad[oa]|avó|avô|ti[oa]"
    r"|prim[oa]s?|sobrinh[oa]s?|melhor amig[oa]|sogr[oa])",
    "ru": r"(?:мам[аыуе]|мать|матери|пап[аыуе]|отец|отца|отцу|родител\w{1,3}|сестр\w{1,2}|брат\w{0,3}|сын\w{0,3}|доч\w{1,4}"
    r"|дет[иейям]{1,3}|жен[аыуе]|муж\w{0,2}|парен[ья]|девушк\w|бабушк\w|дедушк\w|т[её]т[яиюе]|дяд[яиюе]|лучш\w{2,3} друг\w?"
    r"|подруг\w)",
}
_MONTH = (
    r"(?:january|february|march|april|may|june|july|august|september|october|november|december|januar|februar|märz|mai"
    r"|juni|juli|oktober|dezember|enero|febrero|marzo|abril|mayo|junio|julio|agosto|septiembre|octubre|noviembre"
    r"|diciembre|janvier|février|mars|avril|juin|juillet|août|septembre|octobre|novembre|décembre|janeiro|fevereiro"
    r"|março|maio|junho|julho|setembro|outubro|novembro|dezembro|января|февраля|марта|апреля|мая|июня|июля|августа"
    r"|сентября|октября|ноября|декабря)"
)
_EN_JOB = (
    r"(?:nurse|paramedic|teacher|engineer|cook|chef|baker|student|apprentice|doctor|lawyer|driver|pilot|programmer|developer"
    r"|designer|manager|electrician|carpenter|plumber|mechanic|gardener|farmer|waiter|waitress|barista|librarian|journalist"
    r"|accountant|dentist|vet|midwife|therapist|surveyor|translator|musician|painter|photographer|cashier|cleaner|firefighter"
    r"|soldier|police officer|social worker|architect|scientist|researcher|hairdresser|tailor|welder|freelancer|intern)"
)

# Order matters: the first family that matches names the kind.
_FAMILIES: dict[str, tuple[str, ...]] = {
    "allergy": (
        r"\ballergi\w{1,4}\b|\banaphyla\w+|\bepi-?pen\b|\bintoleran(?:t|ce)\b|\bputs? me in (?:the )?hospital\b|\bthroat closes\b|\bgives? me (?:a rash|hives)\b",
        r"\ballergie\b|\bnotfall(?:stift|spritze|pen|set)\b|\bunverträglich\w*|\bvertrage keine?n?\b",
        r"\bal[eé]rgi(?:co|ca|cos|cas|a|as)\b|\bintolerantes?\b|\bintolerancia\b|\bintolérante?\b|\bintolerância\b|\ban[aá]fil\w+|\bse me cierra la garganta\b",
        r"аллерги\w+|непереносимост\w+|анафила\w+|нош\w+ .{0,12}адреналин",
    ),
    "health": (
        r"\b(?:diabet\w+|asthma\w*|epilep\w+|insulin|migraines?|adhd|autis\w+|dyslexi\w+|depression|bipolar|anxiety|insomnia"
        r"|arthritis|hypertension|thyroid|coeliac|celiac|lactose|pacemaker|prosthe\w+|wheelchair|inhaler|medication"
        r"|antidepressants?|colou?r-?blind|blood (?:type|group)|diagnosed|deaf|ptsd|tinnitus|endometriosis|crohn'?s|sober|(?:sertraline|lithium|metformin|warfarin|statins?|methotrexate|levothyroxine|blood thinners?|beta blockers?)"
        r"|dialysis|chemo(?:therapy)?|hiv|dementia|alzheimer'?s|parkinson'?s|cerebral palsy|down'?s? syndrome|stoma|hearing aids?)\b"
        r"|\b(?:i|we) take \d+ ?m[gl]\b|\bon \d+ ?mg\b",
        r"\b(?:laktose|herzschrittmacher|rollstuhl|schwerhörig|taub|blutgruppe|bluthochdruck|schilddrüse|tabletten|migräne"
        r"|rheuma|depressionen|farbenblind|kurzsichtig|blutverdünner|antidepressiva|dialyse|chemo\w*|demenz|hörgeräte?"
        r"|trockener? alkoholiker(?:in)?|down-syndrom|medikamente gegen)\b",
        r"\b(?:asma|asmátic[oa]|insulina|epilepsia|migrañas?|tensión alta|hipertensión|tiroides|celíac[oa]|lactosa|sord[oa]"
        r"|marcapasos|daltónic[oa]|pastillas? para|medicación|tiroide|enxaquecas?|remédio para|surd[oa]|hemodi[aá]lis[ei]s?|levotirox\w+|l[ií]tio|anticoagul\w+"
        r"|antidepres\w+|quimio\w*|demencia|demência|grupo sangu[ií]neo|s[ií]ndrome de down|aud[ií]fonos|aparelhos? auditivos?|fibromialgia)\b",
        r"\b(?:asthmatique|asthme|insuline|épilep\w+|sourde?|fauteuil roulant|hypertension|thyroïde|cœliaque|daltonien\w*"
        r"|médicaments?|groupe sanguin|diabétique|lithium|dialyse|anticoagul\w+|antidépress\w+|chimio\w*|démence|trisomi\w+)\b",
        r"(?:диабет|астм|эпилепс|инсулин|мигрен|давлени[ея] высок|дальтоник|глух|группа крови|таблетки от|целиаки|гемодиализ|антидепрессант|химиотерапи|деменци|дцп\b|слухов\w+ аппарат)\w*",
    ),
    "diet": (
        r"\b(?:vegetarian|vegan|pescatarian|gluten-?free|dairy-?free|halal|kosher|teetotal)\w*\b"
        r"|\b(?:don't|do not|never|can't|cannot|won't|stopped|quit|gave up) (?:drink|eat|smok|vap|touch(?:ing)? (?:alcohol|meat))",
        r"\b(?:vegetarier|veganer|vegan|vegetarisch)\w*\b|\b(?:trinke|esse|rauche) (?:ich )?(?:kein\w{0,2}|nie|nicht)\b"
        r"|\bmit dem rauchen aufgehört|\bnichtraucher\w*",
        r"\b(?:vegetarian|vegan)[oa]s?\b|\bno (?:bebo|como|fumo)\b|\bdejé de (?:fumar|beber)\b|\bnão (?:bebo|como|fumo)\b"
        r"|\bdeixei de (?:fumar|beber)\b|\bparei de (?:fumar|beber)\b",
        r"\bvégétari\w+|\bje ne (?:bois|mange|fume) (?:pas|jamais|plus)\b|\barrêté de (?:fumer|boire)\b",
        r"\bвегетариан\w+|\bвеган\w*|\b(?:не|никогда не) (?:пью|ем|курю)\b|\bброси(?:л|ла) курить",
    ),
    "fear": (
        r"\b(?:phobia|afraid of|scared of|terrified of|fear of)\b|\bmakes? me panic\b|\bgives? me panic attacks\b",
        r"\b(?:höhenangst|flugangst|platzangst)\b|\bangst vor\b",
        r"\b(?:miedo a|fobia|me dan? miedo|medo de|tenho medo)\b",
        r"\b(?:peur d|phobie|vertige)\w*",
        r"\b(?:боюсь|фоби)\w*",
    ),
    "birthday": (
        r"\b(?:birthday|anniversary|was born|turns? (?:\d{1,2}|\w{3,7}teen|\w{3,6}ty))\b",
        r"\b(?:geburtstag|hochzeitstag|jahrestag|geboren)\b",
        r"\b(?:cumpleaños|aniversario|nací|nació|aniversário|nasci|nasceu)\b",
        r"\b(?:anniversaire|suis née?|est née?)\b",
        r"(?:день рождения|днюха|годовщин\w+|родил(?:ся|ась))",
    ),
    "name": (
        r"\b(?:(?:my|his|her|their|its|the \w{3,10}'?s?) names?(?: is|'s)|name is|names are|is called|are called|is named|a \w{3,9} named"
        r"|named after|goes by|nickname|call(?:s)? me|pronouns|she/her|he/him|they/them)\b",
        r"\b(?:heiß(?:e|t|en)|mein name|nenn(?:t|en)? mich|spitzname)\b",
        r"\b(?:(?:me|se) llam(?:o|a|an)|mi nombre|apodo|chama-se|chamo-me|(?:me|se) cham(?:o|a|am)|meu nome|apelido|llám[ae]me|llamadme|me cham(?:a|e) de|pode me chamar)\b",
        r"\b(?:m'appell\w+|s'appell\w+|appelle(?:z)?[- ]moi|mon prénom|mon nom|surnom)\b",
        r"\b(?:зовут|зовите|зови меня|называ(?:ют|й|йте) меня|мо[её] имя)\b",
    ),
    "promise": (
        r"\b(?:promised|swore|my promise|gave my word)\b",
        r"\b(?:versprochen|geschworen)\b",
        r"\b(?:promet[ií]|prometido|juré|jurei)\b",
        r"\b(?:promis|juré)\b",
        r"\b(?:обеща(?:л|ла|ю)|пообеща(?:л|ла)|поклял\w+)\b",
    ),
    "debt": (
        r"\b(?:i|we) (?:still )?owe\b(?! you one\b)|\bowes (?:me|us)\b",
        r"\b(?:schulde|schuldet mir|schulden)\b",
        r"\b(?:le|les|te) debo\b|\bme debe\b|\bdevo (?:\w+ )?(?:euros|reais|dinheiro)",
        r"\bje (?:lui |te )?dois \d|\bme doit\b",
        r"\b(?:должен|должна) (?:\w+ )?(?:\w+ )?(?:рубл|евро|денег|тысяч)|\bв долг",
    ),
    "relationship": (
        r"\b(?:married|divorced|widow(?:ed|er)?|engaged to|separated from|single (?:mum|mom|dad|parent)|dating (?:someone|my)"
        r"|got engaged)\b|\b(?:my|our) (?:wife|husband|partner|boyfriend|girlfriend|fianc[eé]e?|best friend)\b",
        r"\b(?:verheiratet|geschieden|verwitwet|verlobt|alleinerziehend)\b|\bmein\w{0,2} (?:frau|mann|(?:beste[rn]? )?freund(?:in)?|partner(?:in)?)\b",
        r"\b(?:casad[oa]|divorciad[oa]|viud[oa]|viúv[oa]|solter[oa]|solteir[oa])\b"
        r"|\b(?:mi|meu|minha) (?:mujer|esposa|marido|esposo|novi[oa]|pareja|namorad[oa]|mulher|mejor amig[oa]|melhor amig[oa])\b|\benviud\w+",
        r"\b(?:marié|mariée|divorcé|divorcée|veuf|veuve|pacsée?s?)\b|\b(?:mon|ma) (?:mari|femme|copain|copine|compagn\w+|meilleure? amie?)\b",
        r"\b(?:замужем|женат|разведен\w*|вдов\w+|овдове\w+)\b|\bлучш\w{2,3} (?:друг|подруга)\b|\b(?:мой|моего|мою|моя) (?:муж|мужа|жена|жену|парень|девушка)\b",
    ),
    "pet": (
        r"\b(?:my|our) (?:\w+ )?(?:dog|cat|puppy|kitten|hamster|rabbit|parrot|horse|tortoise|guinea pig|whippet|terrier|poodle)"
        r"(?:'s name)?(?: is|'s| was| has| can't| hates)\b|\b(?:dog|cat|puppy|kitten|parrot|rabbit|hamster) (?:named|called)\b",
        r"\b(?:unser|mein)e? (?:hund|katze|kater|kaninchen|hamster|pferd)\b",
        r"\b(?:mi|nuestr[oa]|meu|minha|o meu|a minha) (?:perr[oa]|gat[oa]|conejo|cão|cadela|cachorr[oa]|coelho)\b",
        r"\b(?:mon|notre) (?:chien|chat|chatte|lapin|cheval)\b|\bma (?:chatte|chienne)\b",
        r"\b(?:мо[йяею]|моего|мою|наш\w{0,3}) (?:собак\w|кошк\w|кот\w?|п[её]с|хомяк\w?|попуга\w)\b",
    ),
    "study": (
        r"\b(?:i'm|i am|im|been) (?:studying|training to|at uni|in (?:my )?\w+ (?:year|semester))\b|\bi study\b|\bmy (?:degree|phd|thesis|major)\b"
        r"|\b(?:licensed|qualified|graduated)\b",
        r"\b(?:ich )?studiere\b|\bmein studium\b|\bmache (?:gerade )?(?:eine|meine) ausbildung\b|\b(?:\w+ )?ausbildung zu[rm]\b",
        r"\b(?:estudio|estudo) (?:para )?\w+\b|\bmi carrera\b|\bmi tesis\b|\bminha tese\b|\bfaculdade de\b",
        r"\bj'étudie\b|\bmes études\b|\bfais des études\b|\bma thèse\b",
        r"\b(?:учусь (?:на|в)|мой диплом|моя диссертация|студент\w*)\b",
    ),
    "work": (
        rf"\b(?:i|he|she|we) (?:\w+ )?works? (?:as|at|for|in|from|nights?|offshore|shifts|part|full)\b|\bi'?(?: a)?m an? (?:\w+ ){{0,2}}{_EN_JOB}\b"
        rf"|\bbeen an? (?:\w+ ){{0,2}}{_EN_JOB}\b|\bi run (?:a|an|my)\b|\bmy (?:job|boss|company|shop|bakery|business|career|day off)\b"
        r"|\bgot (?:the job|promoted)\b|\bnew job\b|\b(?:three|two|\d) weeks on\b|\bas an? (?:\w+ )?" + _EN_JOB + r"\b",
        r"\barbeite (?:\w+ )?(?:als|bei|in|im|seit|nachts)\b|\bmein(?:e|en|em)? (?:job|beruf|chef(?:in)?|firma|arbeit|laden)\b"
        r"|\b(?:bin|war) (?:\w+ ){0,2}(?:lehrer|koch|köchin|krankenpfleger|ingenieur|bäcker|arzt|ärztin|elektriker|gärtner"
        r"|tischler|student|verkäufer|anwalt|anwältin|erzieher|hebamme)(?:in)?\b|\bausgebildete\w?\b|\bbefördert\b",
        r"\btrabajo (?:de|como|en|para|desde)\b|\btrabalho (?:como|em|na|no|de|para)\b|\bmi (?:trabajo|jef[ea]|empresa|tienda)\b"
        r"|\b(?:soy|sou|era) (?:una? |uma? )?(?:enfermer[oa]|profesora?|professora?|médic[oa]|ingenier[oa]|engenheir[oa]|cociner[oa]"
        r"|cozinheir[oa]|abogad[oa]|advogad[oa]|maestr[oa]|electricista|eletricista|estudiante|estudante|camarer[oa]|panader[oa]"
        r"|padeir[oa]|programadora?|periodista|jornalista|conductora?|motorista)\b",
        r"\bje (?:travaille|bosse) (?:comme|chez|à|au|dans|de|en|pour)\b|\bmon (?:travail|boulot|patron|métier|entreprise)\b"
        r"|\bje suis (?:une? )?(?:infirmi|prof|médecin|ingénieur|cuisini|avocat|boulang|étudiant|électricien|chauffeur|serveu)\w*",
        r"\b(?:работаю|работает|работала|работал) (?:в|на|с|медсестрой|учител|поваром|врачом|инженером|из|по|программист)\w*"
        r"|\bмо(?:я|ей|ю) (?:работ|професси|начальниц)\w+|\bмой начальник|\bпо профессии\b",
    ),
    "home": (
        r"\b(?:i|we|he|she) (?:\w+ )?(?:live|lives|rent|own a (?:house|flat))\b|\b(?:i|we|they) (?:\w+ )?moved (?:to|here|from|in with|out)\b"
        r"|\b(?:my|our) (?:address|postcode|landlord|flat|house|apartment|door code|spare key|wifi password)\b"
        r"|\b(?:spare key|wifi password|door code|gate code)\b|\bhome is (?:a|an|in|near|now)\b|\b(?:live|lives|living) (?:in|with|above|near|next|on|alone|at)\b",
        r"\b(?:wohne|wohnen|wohnt|lebe|leben) (?:\w+ ){0,2}(?:in|im|bei|mit|auf|über|allein|seit)\b|\b(?:um|ein|aus)gezogen\b|\bmeine adresse\b",
        r"\b(?:vivo|vivimos|vive|moro|moramos|mora) (?:\w+ )?(?:en|con|em|com|na|no|sol[oa]|sozinh[oa]|encima|cerca)\b"
        r"|\b(?:me|nos) mud(?:é|amos|ei)\b|\bmudei-me\b|\bmi dirección\b|\bminha morada\b",
        r"\bj'habite\b|\bnous habitons\b|\bon habite\b|\bhabite (?:à|au|en|chez|avec|dans)\b|\bje vis (?:à|en|avec|seule?|dans|au)\b"
        r"|\b(?:déménagé|emménagé)\b|\bmon adresse\b",
        r"\b(?:живу|жив[её]м|жив[её]т|живут) (?:\w+ )?(?:в|на|с|со|у|один|одна|над|рядом)\b|\bпереехал\w*\b|\bмой адрес\b",
    ),
    "origin": (
        r"\b(?:grew up|raised (?:in|by)|originally from|i(?:'m| am) from|hometown|my roots|immigrated|citizen|passport|native)\b",
        r"\b(?:aufgewachsen|komme (?:\w+ )?aus|stamme aus|ursprünglich aus|staatsbürger\w*|heimatstadt)\b",
        r"\b(?:crecí|me crié|soy de|cresci|sou de|nacionalidad|nacionalidade)\b",
        r"\b(?:grandi|je viens d|originaire|nationalité)\w*",
        r"\b(?:вырос|выросла|родом из|гражданств\w+)\b",
    ),
    "language": (
        r"\b(?:i|we|she|he) (?:\w+ )?speaks? \w+|\b(?:native|second|third|first) language\b|\bmother tongue\b|\bbilingual\b|\bfluent\b",
        r"\b(?:spreche|sprechen) (?:\w+ )?(?:deutsch|englisch|spanisch|französisch|türkisch|russisch|polnisch|italienisch|arabisch|portugiesisch|fließend|zu hause)"
        r"|\bmuttersprache\b|\bzweisprachig\b",
        r"\b(?:hablo|hablamos|falo|falamos) \w+|\blengua materna\b|\blíngua materna\b|\bbilingüe\b",
        r"\bje parle (?:\w+ )?(?:anglais|français|espagnol|allemand|turc|arabe|russe|portugais|italien|couramment)|\blangue maternelle\b|\bbilingue\b",
        r"\b(?:говорю|говорим) (?:\w+ )?по-\w+|\bродной язык\b",
    ),
    "goal": (
        r"\b(?:goal|dream|ambition|bucket list|resolution)\b(?! (?:last night|was weird))|\bsaving (?:up )?for\b"
        r"|\bwant to (?:become|be a|move to|learn|open)\b|\b(?:one|some) ?day i\b|\bdream of\b",
        r"\b(?:mein(?:e|en)? (?:ziel|traum|vorsatz)|möchte (?:eines tages|irgendwann|mal)|spare (?:\w+ )?(?:auf|für)|will (?:\w+ )?werden)\b",
        r"\b(?:(?:mi|meu|minha) (?:meta|sueño|objetivo|sonho|propósito)|sueño con|sonho em|qui?ero (?:ser|abrir|aprender|mudar(?:me)?)|ahorrando para|a poupar para|algún día|um dia)\b",
        r"\b(?:mon (?:but|rêve|objectif)|je rêve d|j'économise|je veux devenir|un jour je)\w*",
        r"\b(?:моя цель|моя мечта|мечтаю|коплю на|хочу стать|когда-нибудь)\b",
    ),
    "dislike": (
        r"\b(?:i|we) (?:\w+ )?(?:hate|detest|despise|loathe)\b|\b(?:can't|cannot|can not) stand\b|\bpet peeve\b|\bdon't like (?:being|when|\w+ing)\b|\bmakes me sick\b|\bcan't eat\b",
        r"\b(?:hasse|kann \w+ (?:\w+ )?nicht (?:ausstehen|leiden|ab)|mag kein\w{0,2}|mag es nicht|verabscheue)\b",
        r"\b(?:odio|no soporto|no aguanto|detesto|odeio|não suporto)\b",
        r"\b(?:déteste|ne supporte pas|ai horreur)\b",
        r"\b(?:ненавижу|терпеть не могу|не выношу|не перевариваю)\b",
    ),
    "like": (
        r"\b(?:my|our|her|his|all-time) (?:\w+ )?favou?rites?\b|\bfavou?rite\b|\bi (?:\w+ )?prefer\b|\bi (?:really |absolutely )?love \w+ing\b|\bmy comfort \w+|\blove of my life\b|\bcan't live without\b",
        r"\b\w*liebling\w+|\b(?:trinke|esse|mag|höre|lese) (?:\w+ )?(?:lieber|am liebsten)\b|\bbevorzuge\b",
        r"\bfavorit[oa]s?\b|\bpreferid[oa]s?\b|\bprefiero\b|\bprefiro\b|\bme encanta[n]?\b|\badoro\b",
        r"\bpréfér\w+|\bfavorite?s?\b|\bj'adore\b|\bj'aime plus que\b",
        r"\b(?:любим\w{2,3}|предпочитаю|больше всего люблю|обожаю)\b",
    ),
    "identity": (
        r"\b(?:gay|lesbian|bisexual|trans(?:gender)?|non-?binary|asexual|queer|came out)\b|\bi(?:'m| am) (?:an? )?(?:introvert|atheist|buddhist|muslim|christian|jewish|catholic|hindu|left-handed|only child|twin|vegan)\b",
        r"\b(?:schwul|lesbisch|nichtbinär|geoutet|gläubig|linkshänder\w*|einzelkind|atheist\w*)\b",
        r"\b(?:lesbiana|lésbica|no binari[oa]|salí del armario|creyente|ate[oa]|zurd[oa]|canhot[oa]|hij[oa] únic[oa])\b",
        r"\b(?:lesbienne|non binaire|croyante?|athée|gauch(?:er|ère)|fill?e? unique)\b",
        r"\b(?:верующ\w+|атеист\w*|левша|единственн\w+ реб[её]н\w+)\b",
    ),
    "habit": (
        r"\b(?:every|each) (?:single )?(?:day|morning|evening|night|week|month|year|monday|tuesday|wednesday|thursday|friday|saturday|sunday|summer|winter)\b"
        r"|\bon (?:mon|tues|wednes|thurs|fri|satur|sun)days\b|\b(?:i|we) (?:always|never|usually|only ever)\b|\b(?:since|for) (?:\w+ )?(?:\d{1,2}|two|three|four|five|six|seven|eight|nine|ten|twelve|twenty|many) years\b"
        r"|\b(?:since|when) i was (?:\w+ )?(?:\w+|\d{1,2})\b|\b(?:all my|my whole) life\b|\b(?:\w+|\d+) years (?:now|sober|clean)\b|\bnever (?:\w+ )?again\b",
        r"\b(?:mon|diens|donners|frei|sams|sonn)tags\b|\bmittwochs\b|\b(?:jede[nrs]?) (?:tag|morgen|abend|woche|monat|montag|dienstag|mittwoch|donnerstag|freitag|samstag|sonntag|sommer)\b|\bseit (?:\w+ ){0,2}(?:jahren?|kindheit|klein)\b|\bimmer wenn\b|\b(?:ich|wir) (?:\w+ )?(?:immer|nie)\b",
        r"\blos (?:lunes|martes|miércoles|jueves|viernes|sábados|domingos)\b|\b(?:às|aos) (?:segundas|terças|quartas|quintas|sextas|sábados|domingos)\b"
        r"|\b(?:todos los|todas las|cada|todos os|todas as|toda) (?:días?|mañanas?|noches?|semanas?|lunes|martes|miércoles|jueves|viernes|sábados?|domingos?|dias?|manhãs?|noites?|segundas?|terças?|quartas?|quintas?|sextas?)\b"
        r"|\b(?:desde|hace|há) (?:\w+ )?(?:\w+|\d+) (?:años|anos)\b|\bdesde (?:niñ[oa]|pequeñ[oa]|criança|siempre|sempre)\b|\bsiempre\b|\bnunca\b",
        r"\b(?:tous les|toutes les|chaque) (?:jours?|matins?|soirs?|semaines?|lundis?|mardis?|mercredis?|jeudis?|vendredis?|samedis?|dimanches?|mois)\b|\bdepuis (?:\w+ ){0,2}(?:ans|toujours|enfance|petite?)\b|\btoujours\b|\bjamais\b",
        r"\bпо (?:понедельникам|вторникам|средам|четвергам|пятницам|субботам|воскресеньям|утрам|выходным)\b|\b(?:кажд\w{2,3}) (?:день|утро|вечер|недел\w|месяц|понедельник|вторник|сред\w|четверг|пятниц\w|суббот\w|воскресенье)\b|\bс детства\b|\b(?:уже|лет) (?:\w+ )?(?:лет|год\w?)\b|\bвсегда\b|\bникогда\b",
    ),
    "family": (
        rf"\b(?:my|our) (?:\w+ )?{_RELATIVE['en']}(?:'s)?(?:,? \w+,?)? (?:is|are|was|has|had|have|lives?|works?|died|passed|turns?|can't|hates?|speaks?|never|always|left|raised)\b"
        rf"|\bi have (?:\w+ ){{0,3}}{_RELATIVE['en']}s?\b|\b(?:we )?(?:buried|lost) (?:my |our )?{_RELATIVE['en']}\b|\b(?:expecting a baby|going to be an (?:aunt|uncle)|due in|pregnant)\b",
        rf"\b(?:mein|unser)\w{{0,2}} (?:\w+ )?{_RELATIVE['de']} (?:\w+ )?(?:ist|sind|war|hat|heißt|lebt|wohnt|arbeitet|starb|kann|wird|leben|wohnen|kommt|kommen|arbeiten)\b|\bmeine?n? {_RELATIVE['de']} verloren\b|\bich habe (?:\w+ ){{0,2}}{_RELATIVE['de']}\b|\bschwanger\b",
        rf"\bmis? (?:\w+ )?{_RELATIVE['es']}(?: \w+)? (?:se llama\w*|es|son|era|vive|viven|tienen?|trabajan?|murió|falleció|cumple|no puede)\b|\bperdí a mi {_RELATIVE['es']}\b|\btengo (?:\w+ ){{0,2}}{_RELATIVE['es']}\b|\bembarazada\b",
        rf"\b(?:mon|ma|mes) (?:\w+ )?{_RELATIVE['fr']}(?: \w+)? (?:s'appelle\w*|est|sont|était|vit|vivent|habite|habitent|a|ont|travaille|ne mange)\b|\bperdu (?:mon|ma) {_RELATIVE['fr']}\b|\bj'ai (?:\w+ ){{0,2}}{_RELATIVE['fr']}\b|\benceinte\b",
        rf"\b(?:meus?|minhas?) (?:\w+ )?{_RELATIVE['pt']}(?: \w+)? (?:chama\w*|é|são|era|vivem?|moram?|têm|tem|trabalham?|morreu|faleceu|faz)\b|\bperdi (?:o |a )?(?:meu|minha) {_RELATIVE['pt']}\b|\btenho (?:\w+ ){{0,2}}{_RELATIVE['pt']}\b|\bgrávida\b",
        rf"\b(?:мо[йяеи]|моего|мою|моей|наш\w{{0,3}}) (?:\w+ )?{_RELATIVE['ru']}\b.{{0,20}}\b(?:жив[её]т|живут|работают|работает|зовут|умер\w*|больше|учится|болеет|инженер|врач)\b|\b(?:потерял\w?|похоронил\w?) {_RELATIVE['ru']}\b|\bу меня (?:\w+ ){{0,2}}{_RELATIVE['ru']}\b|\bберемен\w+",
    ),
    "age": (
        r"\bi(?:'m| am) (?:\d{2}|\w+ty(?:-\w+)?) (?:years old|now)\b|\bi(?:'m| am) \d{2}\b(?! (?:minutes|miles|km|percent|euros|pages))|\b\d{1,2} years old\b",
        r"\bbin (?:\w+ )?(?:\d{2}|\w+zig)(?: jahre)?\b|\bjahre alt\b",
        r"\b(?:tengo|tenho|tiene|tem) (?:\w+ ){1,3}(?:años|anos)\b",
        r"\b(?:j'ai|il a|elle a) (?:[\w-]+ ){1,2}ans\b",
        r"\bмне (?:\w+ ){1,2}(?:лет|год\w?)\b",
    ),
    "date": (rf"\b(?:\d{{1,2}}(?:st|nd|rd|th|\.)? (?:of |de )?{_MONTH}|{_MONTH} \d{{1,2}}(?:st|nd|rd|th)?)\b",),
}

_PASSING = (
    r"\b(?:today|tonight|yesterday|this (?:morning|afternoon|evening|week|weekend)|last (?:night|week|weekend)|right now|just now|tomorrow)\b"
    r"|\b(?:heute|gestern|vorhin|gerade eben|morgen früh|am wochenende|letzte (?:nacht|woche))\b"
    r"|\b(?:hoy|ayer|anoche|esta (?:mañana|tarde|noche|semana)|ahora mismo|hoje|ontem|esta (?:manhã)|agora mesmo)\b"
    r"|\b(?:aujourd'hui|hier|ce (?:matin|soir|week-end)|cette (?:nuit|semaine)|tout à l'heure)\b"
    r"|\b(?:сегодня|вчера|только что|этим утром|сейчас|на выходных)\b"
)
# What is being done or missed at this moment, though the same words with another end would tell of a habit.
_MOMENT = (
    r"\b(?:can't|cannot|couldn't) find (?:my|the)\b|\blooking for my\b|\bforgot my\b"
    r"|\b(?:finde|find) (?:mein\w{0,2}|den|die|das) .{0,20}nicht\b|\bkeine? lust\b"
    r"|\bno encuentro (?:mi|mis|el|la|los|las)\b|\bnão (?:acho|encontro) (?:o |a )?(?:meus?|minhas?|os?|as?)\b"
    r"|\btrouve (?:pas|plus) (?:mon|ma|mes|le|la|les)\b|\bне могу найти\b"
    r"|\bno me apetece\b|\bnão (?:tô|estou) a fim\b|\bpas envie\b|\b(?:неохота|лень)\b|\bj'hésite\b"
    r"|\bestoy (?!ahorr|estudi|aprend|trabaj|escrib|intent|prepar)\w+[aei]ndo\b"
    r"|\b(?:tô|estou) (?:na |no |em |(?!poup|junt|estud|aprend|trabalh|escrev|tent)\w+[aei]ndo\b)"
    r"|^(?:fazendo|vendo|assistindo|comendo|jogando|haciendo|viendo|comiendo|jugando)\b"
    r"|\bacab(?:o|ei|amos) de\b|\bje viens de (?:finir|voir|manger|sortir|rentrer)\b"
    r"|\b(?:brb|afk)\b"
)
_AGAIN = r"\bagain\b(?! in my life)|\bschon wieder\b|\botra vez\b|\boutra vez\b|\bencore une fois\b|\bопять\b|\bснова\b"
_LAUGH = r"\b(?:(?:ha){2,}h?|(?:ja){2,}|(?:he){2,}|lo+l|lmao|rofl|xd|mdr|ptdr|kkk+|rsrs|ахах\w*|хаха\w*|thanks|thank you|thx|danke|gracias|merci|obrigad[oa]|спасибо|wow|omg|congrats|good luck)\b"
_GREETING = re.compile(r"^\W{0,3}(?:hey|hi|hello|yes|yeah|sure|hallo|hola|salut|oi|привет)\b")

_FORBID = re.compile(
    r"\b(?:(?:please )?(?:don't|do not|dont|never|stop)(?: ever)? (?:call|calling|text|texting|ask|asking|mention|mentioning|bring|bringing"
    r"|remind|reminding|tell|telling|talk|talking|touch|send|sending|joke|joking|use|say|share|post|write|message|ping|wake|offer|comment)\b"
    r"|(?:i )?(?:don't|do not|would rather not|'d rather not|never) (?:want(?: you)? to |like to |wanna )?(?:talk about|speak about|speak of|hear about|be asked|be reminded|discuss)\b(?! (?:it|that|this)\b)"
    r"|off[- ]limits\b|(?:no|not a) (?:jokes?|questions?) about\b|keep (?:it|this|that) (?:between us|private|to yourself|secret)\b|is a no-?go\b|not up for discussion\b"
    r"|i'd rather (?:you (?:didn't|not)|nobody|no one|people didn't|not (?:talk|discuss|hear|go into))\b|i would rather (?:nobody|no one)\b)"
)
_FORBID_MORE = (
    r"\b(?:bitte )?(?:(?:nenn|ruf|frag|sprich|erwähn|schreib|erzähl|sag|weck|mach|erinner)e?(?:t)? (?:\w+ ){0,4}(?:nie|nicht|niemals|kein(?:e|en)?)\b"
    r"|will (?:\w+ )?nicht (?:über|darüber) |möchte (?:\w+ )?nicht (?:über|darüber|darauf) |(?:ist|sind) tabu\b|bleibt unter uns\b"
    r"|\bbitte (?:nie|niemals|nicht) .{0,40}\b(?:fragen|erwähnen|ansprechen|reden|sprechen|anrufen|erinnern|nennen|schreiben|weitersagen)\b)"
    r"|\b(?:por favor,? )?(?:no|nunca|jamás) (?:me |le |lo |la |se )?(?:(?:vuelvas a |vuelva a )?(?:llames|llame|preguntes|pregunte|hables|hable|menciones|mencione|recuerdes|recuerde|escribas|digas|bromees|cuentes)\b|quiero (?:que )?(?:me )?habl\w+)"
    r"|\bno quiero hablar\b|\bes tabú\b|\bque quede entre nosotros\b"
    r"|\b(?:s'il te plaît,? |s'il vous plaît,? )?ne (?:me |m'|lui |le |la |parle |mentionne )?\w*[ ']?(?:appelle|demande|parle|parlez|mentionne|rappelle|écris|dis|plaisante)?z?(?:-\w+)?[^.!?]{0,12}\b(?:jamais|pas|plus) (?:de |d'|du |avant |à |sur |par |mon |ma |mes )"
    r"|\b[ée]vite[zs]? (?:de |d')(?:me |m')?(?:mentionner|parler|demander|évoquer|rappeler|appeler|dire|poser)\b|\bon ne (?:me )?parle (?:pas|jamais|plus) de\b"
    r"|\b(?:evita|eviten|evite|evitem) (?:mencionar|hablar|falar|preguntar|perguntar|recordarme|lembrar)\b|\bprefiero (?:que no|no hablar)\b|\bprefiro (?:que não|não falar)\b"
    r"|\bне надо (?:про |о |об |мне )?(?:\w+ )?(?:говорить|спрашивать|напоминать|упоминать|шутить)\b|\bлучше не (?:спрашив|упомин|говор|напомин)\w+"
    r"|\bje ne veux (?:pas|plus) (?:en )?parler\b|\bsujet tabou\b|\bça reste entre nous\b"
    r"|\b(?:por favor,? )?(?:não|nunca|jamais) (?:me |lhe |o |a )?(?:chames|chame|perguntes|pergunte|fales|fale|menciones|mencione|lembres|lembre|escrevas|digas|brinques|contes|ligues)\b"
    r"|\bnão quero falar\b|\bfica entre nós\b"
    r"|\b(?:пожалуйста,? )?(?:никогда |больше )?не (?:зов\w+|называ(?:й|йте)|спрашива(?:й|йте)|напомина(?:й|йте)|упомина(?:й|йте)|говори(?:те)? (?:мне )?(?:о|об|про)|пиши(?:те)?|звони(?:те)?|шути(?:те)?|рассказыва(?:й|йте))\b"
    r"|\bне хочу (?:об этом )?говорить\b|\bтолько между нами\b|\bзапретн\w+ тем\w\b"
)
_COVERED = re.compile("[a-z\u00df-\u024f\u0430-\u045f]{2}")

# "They never call me" tells of others, "never call me" asks for something.
_SUBJECT = re.compile(r"\b(?:i|we|they|you|he|she|it|who|people|to|would|will|did|and|[a-zà-ÿ]+s)$")


@dataclass(frozen=True, slots=True)
class Cues:
    """What the wording of a text tells."""

    #: The family that says most of what is stated, None when no cue of a lasting fact was found.
    kind: str | None
    #: At most three positive families, less the negative ones.
    level: int
    #: Whether the person asks not to be called, asked, told or reminded of something.
    boundary: bool
    #: Whether the text is written in a script that the cues cover.
    readable: bool = True


_AGAINST = {"passing": _PASSING, "moment": _MOMENT, "again": _AGAIN, "laugh": _LAUGH}
_EXPRESSIONS = {
    **{kind: "|".join(parts) for kind, parts in _FAMILIES.items()},
    **{f"-{name}": pattern for name, pattern in _AGAINST.items()},
    "forbid": _FORBID_MORE,
}
"""Families that state something lasting, what speaks against it, and what asks for something never to be done."""
_SEARCH = PhraseSearch(_EXPRESSIONS)
_DEMANDS = (
    *("don't", "dont", "do not", "never", "stop", "rather", "off-limits", "off limits", "no joke", "no question"),
    *("not a ", "keep ", "is a no", "not up for"),
)
"""One of them is in all that ``_FORBID`` finds."""


def read_cues(text: str) -> Cues:
    """The cues in the first 1,000 characters of ``text``."""
    read = (text[:_READ] if text.isascii() else unicodedata.normalize("NFC", text[:_READ])).lower().replace("’", "'")
    every = _SEARCH.found(read)
    boundary = _is_boundary(read) or "forbid" in every
    found = [name for name in every if name in _FAMILIES]
    positive = min(_MOST, len(found) + 2 * boundary)
    negative = (
        sum([name[0] == "-" for name in every])
        - ("-again" in every and boundary)
        + (_GREETING.match(read) is not None)
        + read.rstrip().endswith(("?", "？", "؟"))
    )
    kind = "boundary" if boundary else next((k for k in found if k != "date"), "birthday" if found else None)
    return _told(kind, positive - negative, boundary, _COVERED.search(read) is not None)


@lru_cache(maxsize=1000)
def _told(kind: str | None, level: int, boundary: bool, readable: bool) -> Cues:
    """Most texts tell one of a few things: they share it."""
    return Cues(kind, level, boundary, readable)


def _is_boundary(read: str) -> bool:
    if not any(word in read for word in _DEMANDS):
        return False
    for match in _FORBID.finditer(read):
        said = match.group()
        if said.startswith(("i ", "please", "off", "no ", "not ", "keep", "is ")):
            return True
        if not _SUBJECT.search(read[: match.start()].rstrip()[-20:]) or said.startswith(
            ("don't want", "do not want", "'d rather")
        ):
            return True
    return False
