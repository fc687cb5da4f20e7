"""Phrases of English, German, Spanish and French that claims are read by: what states, ends, changes or weakens them.

All patterns are tried on every text, whatever its language: people mix them, and short texts do not tell theirs.
"""

from __future__ import annotations

import re

__all__ = [
    "ALSO",
    "ATTRIBUTES",
    "COUNTRIES",
    "CUT",
    "DISLIKE",
    "ENDED",
    "END_CUT",
    "LIKE",
    "MARKER",
    "NEGATED",
    "PAST",
    "RELATIVES",
    "ROLES",
    "SELF",
    "SMALL",
    "STATES",
    "SWITCHED",
    "TEMPORARY",
    "TYPED",
    "UNSURE",
]  # fmt: skip


def _any(*parts: str) -> re.Pattern[str]:
    return re.compile(r"\b(?:" + "|".join(parts) + r")(?!\w)")


UNSURE = _any(
    r"might|maybe|perhaps|could|would|i'd|wouldn't|should|if|unless|wish|wants?|wanted|wanna|hop(?:e|es|ing)|plan(?:s|ning|ned)?|thinking"
    r"|consider(?:s|ing)?|dream\w*|about to|going to|gonna|will|i'll|we'll|won't|next (?:week|month|year|spring|summer|fall|autumn|winter)"
    r"|some ?day|almost|nearly|pretend\w*|imagine\w*|in (?:the|a|my) (?:game|book|novel|movie|film|story|show)|character|supposed to|looking (?:for|at|into)"
    r"|joking|kidding|rumou?rs?|asked|offered|applied|interview\w*|tempted|decided not|said|says|told",
    r"vielleicht|möchte\w*|will|wollen|wollte|würde\w*|könnte\w*|wenn|falls|hoffe\w*|plane|planen|überleg\w+|träum\w+|traum|nächste[nsrm]?|bald|beinahe"
    r"|fast|sollte\w*|eventuell|irgendwann|angeblich|spiel|roman|figur|beworben|angebot\w*|sagt\w*|erzählt\w*",
    r"quizás?|tal vez|quiero|quería|queremos|quisiera|podría|podríamos|gustaría|si|ojalá|espero|pienso|pensando|planeo|sueñ\w+|soñ\w+|voy a|vamos a"
    r"|próxim\w+|casi|algún día|debería|juego|novela|personaje|película|dice|dijo|ofrecieron|oferta",
    r"peut-être|voudrais|veux|aimerais|pourrais|si|espère|compte|rêv\w+|vais|bientôt|presque|prochain\w*|devrais|dit",
)
"""Wishes, plans, guesses, hearsay: nothing that holds."""

TEMPORARY = _any(
    r"for (?:the|a|two|three|four|\d+|a few|a couple of|some) (?:weekend|week|weeks|day|days|nights?|months?|summer)|vacation|holidays?|visit(?:ing|ed)?|temporar\w+"
    r"|trip|crashing|house-?sitting|sublet\w*|business trip|staycation|on tour",
    r"(?:für|übers) (?:(?:ein|eine|zwei|drei|vier|das|die|paar|\d+) )*(?:wochenende|woche|wochen|tage|monate?)|urlaub|besuch\w*|vorübergehend|reise|dienstreise|zwischenmiete",
    r"vacaciones|de visita|visit\w+|temporal\w*|por (?:unos|unas|una|un|dos|tres|\d+) (?:días|semanas?|mes|meses)|fin de semana|viaje",
    r"vacances|visite\w*|temporaire\w*|pour (?:une|deux|trois|quelques) (?:semaines?|jours|mois)|voyage",
)
ALSO = _any(
    r"also|too|as well|second|another|besides|on the side|part[- ]time|on weekends|both|one of|additional\w*|extra|sometimes|occasionally|except",
    r"auch|zusätzlich|nebenbei|nebenher|noch ein\w*|zweit\w+|außerdem|sowohl|manchmal|eine[rs]? (?:meiner|von)|gelegentlich|außer",
    r"también|además|otr[oa]|segund[oa]|un[oa] de mis|a veces|extra|salvo|excepto",
    r"aussi|également|deuxième|une? de mes|parfois|un autre|une autre|sauf",
)
"""What comes beside something takes no place."""

PAST = _any(
    r"used to|formerly|previously|back (?:when|then|in)|as a (?:kid|child|teen\w*|student|boy|girl)|when i was|ago|once|was|were|had|lived|worked|studied|drove|ex|old|originally|grew up|childhood",
    r"früher|damals|als kind|als ich|vor (?:\w+ )?jahren|war|waren|hatte\w*|wohnte\w*|lebte\w*|arbeitete\w*|fuhr|einst|ehemalig\w*|kindheit|aufgewachsen|ursprünglich",
    r"antes|de niñ[oa]|cuando era|(?<!desde )hace (?:\w+ )?años|solía|vivía|trabajaba|tenía|era|fui|viví|trabajé|estudié|ex|infancia|crecí|originalmente",
    r"avant|quand j'étais|autrefois|il y a|habitais|travaillais|étais|avais|vivais|enfance|grandi",
)
NEGATED = _any(
    r"not|never|no|don't|doesn't|didn't|haven't|hasn't|isn't|aren't|ain't|can't|cannot|nobody|neither|nor|without|hardly",
    r"nicht|nie|niemals|kein\w*|weder|ohne|kaum",
    r"no|nunca|jamás|tampoco|sin|ni",
    r"ne|pas|jamais|sans|n'\w+",
)
MARKER = _any(
    r"now|nowadays|these days|any ?more|no longer|finally|officially|just|recently|since|instead|new|started|became|turned|switched|changed|moved|got|joined|again|current\w*",
    r"jetzt|nun|inzwischen|mittlerweile|nicht mehr|endlich|seit|neu\w*|stattdessen|geworden|gewechselt|umgestiegen|angefangen|gezogen|wieder|neuerdings|verlegt|verschoben|aktuell",
    r"ahora|actualmente|ya no|por fin|desde|nuev[oa]|empecé|cambi\w+|pasó|hoy en día|últimamente|recién|de nuevo|me mudé",
    r"maintenant|désormais|enfin|depuis|nouve\w+|commencé|changé|dorénavant|de nouveau|récemment",
)
"""Words that tell a change."""

CUT = re.compile(
    r"[,.;:!?()\n]|\s[-–—]\s|\b(?:now|since|because|with|and|but|these days|again|so|where|when|which|who|after|before|as of|this|last|any ?more|in (?:19|20)\d\d|on|right now|for|near|until|currently|today|yesterday|instead"
    r"|jetzt|seit|weil|mit|und|aber|wieder|inzwischen|mittlerweile|letzt\w+|bei mir|nicht mehr|heute|gestern|umgezogen|gezogen|zurück|um|gewechselt|angefangen|statt|nun"
    r"|ahora|desde|porque|con|y|pero|actualmente|otra vez|hace|hoy|ayer|en vez|maintenant|depuis|parce|avec|et|mais|aujourd'hui|hier|désormais)\b"
)
"""Where a value ends."""

END_CUT = re.compile(
    r"[,.;:!?()\n]|\b(?:because|since|after|when|last|this|yesterday|today|weil|seit|nachdem|letzt\w+|gestern|heute"
    r"|porque|desde|ayer|hoy|hace|depuis|hier|parce)\b"
)
"""Where what is over ends."""

ROLES = frozenset(
    """
    doctor dentist therapist boss manager teacher roommate flatmate landlord coach hausarzt hausärztin zahnarzt
    zahnärztin therapeut therapeutin chef chefin lehrer lehrerin mitbewohner mitbewohnerin vermieter vermieterin
    trainer trainerin médico médica dentista terapeuta jefe jefa profesor profesora casero casera entrenador
    entrenadora
    """.split()
)
"""People whom one has one of; their value is a name, and "my boss is strict" gives none."""

SELF = _any(
    r"i|i'm|i've|im|ive|we|we're|we've|my|our|me|us",
    r"ich|wir|mein\w*|unser\w*|mir|mich|uns",
    r"yo|mi|mis|me|nos|nuestr[oa]s?|soy|estoy|tengo|vivo|trabajo|estudio|como|bebo|tomo|uso|juego|conduzco|fumo|corro|leo|voy|hago|odio|prefiero|toco|hablo",
    r"je|j'\w+|mon|ma|mes|nous|notre|nos",
)
RELATIVES = (
    r"(?:mother|mum|mom|father|dad|brother|sister|son|daughter|grandma|grandmother|grandpa|grandfather|aunt|uncle|cousin|nephew|niece|wife|husband|partner|girlfriend|boyfriend"
    r"|friend|best friend|roommate|flatmate|neighbou?r|boss|dog|cat|parents|kids?|child|ex|colleague|coworker"
    r"|mutter|mama|vater|papa|bruder|schwester|sohn|tochter|oma|opa|großmutter|großvater|tante|onkel|cousine?|neffe|nichte|frau|mann|partnerin|freund|freundin|mitbewohner\w*|nachbar\w*|chef(?:in)?|hund|katze|kater|eltern|kinder|kind|kolleg\w+"
    r"|madre|mamá|padre|papá|hermano|hermana|hijo|hija|abuela|abuelo|tía|tío|prim[oa]|sobrin[oa]|esposa|marido|esposo|pareja|novi[oa]|amig[oa]|compañer[oa]|vecin[oa]|jef[ea]|perr[oa]|gat[oa]|padres|hijos"
    r"|mère|maman|père|frère|sœur|soeur|fils|fille|grand-mère|grand-père|oncle|cousin|neveu|nièce|femme|mari|copain|copine|ami|amie|voisin\w*|patron\w*|chien\w*|chat\w*)"
)

# Attributes with one value at a time. {S} stands for the subject; V is the value. "+" marks those that tell a change.
_I = r"(?:i|we)(?:'m|'re|'ve| am| are| have)?(?: \w+ly| just| now| have| both| currently| recently| actually| still| finally)*"
_REL = rf"(?:my|our|mein\w*|unser\w*|mis?|mon|ma|mes) (?P<rel>{RELATIVES})(?:,? [a-zà-ÿ]+,?)??"
ATTRIBUTES: tuple[tuple[str, bool, re.Pattern[str]], ...] = tuple(
    (attribute, change, re.compile(r"\b" + pattern))
    for attribute, change, pattern in (
        ("home", False, rf"{_I} (?:live|living|reside|residing|settled|based)(?: now| currently| alone| together| back)* (?:in|at) (?P<v>.+)"),
        ("home", False, rf"{_REL} (?:now )?(?:lives?|is living|wohnt|lebt|vive|viven|habite|vit)(?: \w+)?? (?:in|at|en|à|im) (?P<v>.+)"),
        ("home", True, rf"{_I} (?:moved|relocated|emigrated|moving)(?: \w+){{0,2}}?(?: from (?P<old>.+?))?(?: back| over| out)? (?:to|into) (?P<v>.+)"),
        ("home", True, rf"{_REL} (?:has |have |just )*(?:moved|relocated)(?: \w+)?? to (?P<v>.+)"),
        ("home", True, r"(?:my|our) new (?:home|flat|apartment|house|place|city) is (?:in )?(?P<v>.+)"),
        ("home", False, r"(?:my|our) (?:home|hometown now|place) is (?:in )?(?P<v>.+)"),
        ("home", True, r"(?:the|our|my) move to (?P<v>.+?) (?:is done|is complete|went|happened)"),
        ("home", False, r"(?:(?:ich|wir) )?(?:wohnen?|lebe|leben)(?: (?:ich|wir))?(?: (?!in\b|im\b|bei\b)\w+){0,4} (?:in|im) (?P<v>.+)"),
        ("home", True, r"(?:bin|sind)(?: \w+){0,4}?(?: von (?P<old>.+?))? (?:nach|in die|ins|in den) (?P<v>.+?) (?:um|zurück|weg)?gezogen"),
        ("home", True, r"(?:um|hin)gezogen nach (?P<v>.+)"),
        ("home", False, r"(?:vivo|vivimos|resido|residimos)(?: (?!en\b)\w+){0,3} en (?P<v>.+)"),
        ("home", True, r"(?:me (?:he )?(?:mud(?:é|ado)|traslad(?:é|ado))|nos (?:hemos )?(?:mud(?:amos|ado)|traslad(?:amos|ado)))(?: (?!a\b|de\b)\w+){0,2}(?: de (?P<old>.+?))? a (?P<v>.+)"),
        ("home", False, r"(?:j'habite|je vis|nous habitons|on habite|j'vis)(?: \w+){0,2}? (?:à|au|aux|en|dans) (?P<v>.+)"),
        ("home", True, r"(?:j'ai|nous avons|on a) déménagé(?: \w+)??(?: de (?P<old>.+?))? (?:à|au|en) (?P<v>.+)"),
        ("employer", False, rf"{_I} (?:work|working|employed)(?: (?!at\b|for\b|as\b)\w+){{0,2}} (?:at|for) (?P<v>.+)"),
        ("employer", True, rf"{_I} (?:started|joined|hired|accepted|took|got|landed|begun|began|switched|transferred|work|working)(?: (?!at\b|with\b|by\b|to\b)[\w-]+){{0,5}} (?:job|position|role|working|work|gig|hired|switched|transferred|started|over)(?: \w+){{0,2}}? (?:at|with|by|to|for) (?P<v>.+)"),
        ("employer", True, rf"{_I} (?:started|switched)(?: over)? (?:at|to) (?P<v>[a-z][\w&.-]+(?: [a-z][\w&.-]+)?)$"),
        ("employer", True, r"my new (?:job|employer|company|workplace) is (?:at |with )?(?P<v>.+)"),
        ("employer", False, r"my (?:employer|company|workplace) is (?P<v>.+)"),
        ("employer", False, r"(?:(?:ich) )?arbeite(?: ich)?(?: (?!bei\b|für\b|beim\b|als\b)\w+){0,4} (?:bei|für|beim) (?P<v>.+)"),
        ("employer", True, r"(?:ich|habe|hab|bin)(?: \w+){0,6}? (?:bei|beim|zu|zur|zum) (?P<v>.+?) (?:angefangen|gewechselt|angestellt|eingestiegen|begonnen)"),
        ("employer", True, r"(?:neuer?n? (?:job|arbeitgeber|stelle|arbeit)) (?:ist |habe ich )?(?:bei |beim )?(?P<v>.+)"),
        ("employer", False, r"trabajo(?: (?!en\b|para\b|de\b|como\b)\w+){0,2} (?:en|para) (?P<v>.+)"),
        ("employer", True, r"(?:empecé|comencé|he empezado|entré|me contrataron|me cambié|conseguí)(?: \w+){0,4}? (?:en|a|con) (?P<v>.+)"),
        ("employer", True, r"mi nuev[oa] (?:trabajo|empleo|empresa) es (?:en )?(?P<v>.+)"),
        ("employer", False, r"je (?:travaille|bosse)(?: \w+)?? (?:chez|pour|à) (?P<v>.+)"),
        ("employer", True, r"(?:commencé|embauché\w*|nouveau (?:travail|poste|boulot))(?: \w+){0,2}? (?:chez|à) (?P<v>.+)"),
        ("job", False, rf"{_I} (?:work|working) as (?:an? )?(?P<v>.+)"),
        ("job", True, rf"{_I} (?:became|become|promoted to|retrained as|switched to being|started (?:working )?as) (?:an? |the )?(?P<v>.+)"),
        ("job", False, r"my (?:job|profession|job title|occupation) is (?:an? )?(?P<v>.+)"),
        ("job", False, r"(?:ich )?arbeite(?: ich)?(?: \w+){0,3}? als (?P<v>.+)"),
        ("job", True, r"(?:bin|wurde)(?: \w+){0,3}? (?:zum|zur) (?P<v>.+?) befördert"),
        ("job", False, r"trabajo (?:ahora )?(?:como|de) (?P<v>.+)"),
        ("job", True, r"me ascendieron a (?P<v>.+)"),
        ("job", False, r"je (?:travaille|bosse) (?:maintenant )?comme (?P<v>.+)"),
        ("school", False, rf"{_I} (?:go|goes|study|studying|attend|enrolled)(?: (?!at\b|to\b|in\b)\w+){{0,2}} (?:at|to) (?P<v>(?:the )?(?:university|uni|college|school)\b.*|.+ (?:university|college|school|high))"),
        ("school", True, rf"{_I} (?:transferred|switched|changed)(?: \w+){{0,2}}? to (?P<v>.+ (?:university|college|school|high)|(?:the )?university of .+)"),
        ("major", False, rf"{_I} (?:study|studying|majoring in|major in) (?!at\b)(?P<v>.+)"),
        ("major", True, rf"{_I} (?:switched|changed) (?:my )?(?:major|degree|studies)(?: from (?P<old>.+?))? to (?P<v>.+)"),
        ("major", False, r"(?:ich )?studiere(?: ich)?(?: jetzt| inzwischen| gerade| seit \w+)* (?!an\b|in\b|bei\b)(?P<v>.+)"),
        ("major", False, r"estudio (?:ahora )?(?!en\b|para\b|con\b|por\b)(?P<v>.+)"),
        ("partner", False, r"(?:my|mein\w*|mi|mon|ma) (?:new |neue[rn]? |nuev[oa] )?(?:boyfriend|girlfriend|partner|husband|wife|fiancée?|freundin|partnerin|verlobte[rn]?|novi[oa]|pareja|esposa|marido|esposo|copain|copine)(?:'s name)? (?:is(?: called)?|heißt|ist|se llama|es|s'appelle)(?: now| jetzt| ahora)? (?P<v>[a-zà-ÿ]{2,20})(?=$|[,.!]| now| jetzt)"),
        ("partner", False, rf"{_I} (?:dating|seeing|engaged to|married to|together with|going out with) (?P<v>[a-zà-ÿ]{{2,20}})(?=$|[,.!]| now)"),
        ("age", False, r"(?:i'm|i am|im|i turned|i just turned|i've turned|i have turned) (?:now |just )*(?P<v>\d{1,3}|[a-z]+(?:[- ](?:one|two|three|four|five|six|seven|eight|nine))?)(?: years old| now| today| yesterday)*$"),
        ("age", False, rf"{_REL} (?:is|turned|just turned|has turned|ist|wird|wurde|tiene|cumplió|a|a eu)(?: now| just| jetzt| ya| gerade)* (?P<v>\d{{1,3}})(?: years old| now| jahre alt| jahre| geworden| años| ans| ahora)*$"),
        ("age", False, r"(?:ich )?bin(?: ich)?(?: \w+){0,2}? (?P<v>\d{1,3})(?: jahre alt| jahre| geworden)*$"),
        ("age", False, r"(?:tengo|cumplí|acabo de cumplir|he cumplido)(?: ya| ahora)? (?P<v>\d{1,3})(?: años)?(?: ahora| ya)?$"),
        ("age", False, r"j'ai (?:eu |maintenant )?(?P<v>\d{1,3}) ans"),
        ("name", False, r"(?:my name is|mein name ist|ich heiße|me llamo|mi nombre es|je m'appelle)(?: now| jetzt| ahora)? (?P<v>[a-zà-ÿ'-]{2,30}(?: [a-zà-ÿ'-]{2,30})?)(?: now| jetzt| ahora)?$"),
        ("called", False, r"(?:i go by|please call me|call me|nenn mich|llámame|appelle-moi)(?: now)? (?P<v>[a-zà-ÿ'-]{2,20})(?: now)?$"),
        ("favourite", False, r"my (?:new |all-time |current )?favou?rite (?P<key>[a-z]+(?: [a-z]+)?) (?:is|are)(?: now| currently)? (?P<v>.+)"),
        ("favourite", False, r"mein\w* (?:neue[rs]? )?lieblings-?(?P<key>[a-zà-ÿ]+) (?:ist|sind|heißt)(?: jetzt| nun| inzwischen| mittlerweile)* (?P<v>.+)"),
        ("favourite", False, r"mi (?:nuev[oa] )?(?P<key>[a-zà-ÿ]+)(?: [a-zà-ÿ]+)?? (?:favorit[oa]|preferid[oa])(?: ahora)? (?:es|son)(?: ahora)? (?P<v>.+)"),
        ("favourite", False, r"m(?:on|a) (?P<key>[a-zà-ÿ]+) préférée? est(?: maintenant)? (?P<v>.+)"),
        ("thing", False, r"my (?:new |current )?(?P<key>phone number|number|email(?: address)?|e-mail|address|username|handle|pin|phone|laptop|computer|car|bike|bank|doctor|dentist|therapist|boss|manager|teacher|roommate|flatmate|landlord|coach|gym|editor|shift|locker|nickname|wake-up time|bedtime) (?:is|is called|is at)(?: now)? (?:an? |the )?(?P<v>.+)"),
        ("thing", False, r"mein\w* (?:neue[rs]? )?(?P<key>handynummer|telefonnummer|nummer|e-?mail(?:-?adresse)?|adresse|handy|laptop|rechner|auto|fahrrad|bank|hausarzt|hausärztin|zahnarzt|zahnärztin|therapeut(?:in)?|chef(?:in)?|lehrer(?:in)?|mitbewohner(?:in)?|vermieter(?:in)?|trainer(?:in)?) (?:ist|heißt|lautet)(?: jetzt| nun| inzwischen)? (?:ein\w* )?(?P<v>.+)"),
        ("thing", False, r"mi (?:nuev[oa] )?(?P<key>número|teléfono|correo|email|dirección|móvil|celular|portátil|coche|carro|auto|bici|banco|médic[oa]|dentista|terapeuta|jef[ea]|profesora?|compañer[oa] de piso|caser[oa]|entrenadora?)(?: nuev[oa])? (?:es|se llama)(?: ahora)? (?:una? |el |la )?(?P<v>.+)"),
        ("car", False, rf"{_I} (?:drive|driving) (?:an? |my )?(?P<v>.+)"),
        ("car", False, r"(?:ich )?fahre(?: ich)?(?: jetzt| inzwischen| nun| seit \w+)* eine?n? (?P<v>.+)"),
        ("car", False, r"(?:conduzco|manejo)(?: ahora)? una? (?P<v>.+)"),
    )
)  # fmt: skip

STATES: dict[str, dict[str, str]] = {
    "diet": {
        "vegan": r"vegan\w*|végane?", "vegetarian": r"vegetarian\w*|vegetarier\w*|vegetarisch|vegetarian[oa]|végétarien\w*",
        "pescatarian": r"pescatarian\w*|pescetari\w*|pescetarier\w*", "meat": r"omnivore|eat(?:ing)? meat(?: again)?|fleischesser\w*|esse (?:\w+ )?(?:wieder )?fleisch|como carne|mange de la viande",
    },
    "relationship": {
        "single": r"single|soltero|soltera|célibataire", "together": r"in a relationship|vergeben|in einer beziehung|en una relación|en couple",
        "engaged": r"engaged|verlobt|comprometid[oa]|fiancée?s?", "married": r"married|verheiratet|geheiratet|casad[oa]s?|me casé|nos casamos|mariée?s?",
        "divorced": r"divorced|geschieden|divorciad[oa]s?|divorcée?s?", "separated": r"separated|getrennt|separad[oa]s?|séparée?s?", "widowed": r"widow(?:ed|er)?|verwitwet|viud[oa]|veuve|veuf",
    },
    "occupation": {
        "unemployed": r"unemployed|jobless|out of work|between jobs|arbeitslos|desemplead[oa]|en paro|au chômage|lost my job|laid off",
        "retired": r"retired|in rente|pensioniert|im ruhestand|jubilad[oa]|me jubilé|retraitée?|à la retraite",
        "student": r"a (?:\w+ )?student|student(?:in)?|estudiante|étudiante?", "freelance": r"freelanc\w+|self-employed|selbstständig|selbständig|autónom[oa]|indépendante?",
    },
    "smoking": {"smoker": r"a smoker|raucher(?:in)?|fumadora?|fumeu(?:r|se)", "non-smoker": r"a non-?smoker|nichtraucher(?:in)?|no fumadora?|non-fumeu(?:r|se)"},
}  # fmt: skip
"""Groups of states of which a person is in one."""

_END_X = r"(?P<x>.+)"
ENDED: tuple[re.Pattern[str], ...] = tuple(
    re.compile(r"\b" + pattern)
    for pattern in (
        rf"(?:i|we)(?:'m|'re|'ve| am| are| have)? no longer {_END_X}",
        r"(?<![^,] )no longer (?P<x>an? .+)",
        r"(?:i|we)(?: do(?:n't| not)|'m not| am not|'re not| are not| can(?:'t|not)| haven't| have not)(?: really)? (?P<x>.+?) (?:any ?more|any longer)\b",
        rf"(?:i|we)(?:'ve| have)?(?: \w+ly| just| also| recently| finally)? (?:stopped|quit|gave up(?: on)?|given up|ditched|dropped out of|cancell?ed|sold|got rid of|resigned from|unsubscribed from|broke up with|split (?:up )?with|divorced|deleted|retired from|finished(?: reading| watching| playing)?|donated|left) {_END_X}",
        r"my (?P<x>[\w' ]+?),? (?:has |just |sadly )*(?:died|passed away|passed|was put (?:down|to sleep)|had to be put down)\b",
        r"(?P<x>[\w']+) and i (?:broke up|split up|are divorced|separated|got divorced|are no longer together|aren't together any ?more)",
        r"(?P<x>.+?) (?:nicht|keine?[nmrs]?)(?P<y> .*?)? ?mehr\b",
        r"(?:ich|wir)? ?(?:habe|haben|hab|bin|sind)(?P<x> .+?) (?:aufgehört|aufgegeben|gekündigt|verkauft|abbestellt|abgebrochen|verlassen|abgemeldet|abgeschafft|weggegeben|beendet|getrennt)\b",
        r"mein\w* (?P<x>[\w' ]+?) (?:ist|wurde)(?: \w+){0,3}? (?:gestorben|verstorben|eingeschläfert|tot)\b",
        r"ya no (?P<x>.+)",
        r"(?:dejé|he dejado|dejamos|abandoné|cancelé|vendí|renuncié|terminé con|rompí con|me separé de|me divorcié de|me di de baja|me deshice de|borré)(?: de| a| en)? (?P<x>.+)",
        r"mis? (?P<x>[\w' ]+?) (?:murió|falleció|ha muerto|se murió)\b",
        r"(?:je|on|nous) (?:ne |n')(?P<x>.+?) plus\b(?P<y>.*)",
        r"(?:j'ai|nous avons) (?:arrêté|quitté|vendu|abandonné|annulé|rompu avec)(?: de| d')? ?(?P<x>.+)",
        r"m(?:on|a) (?P<x>[\w' ]+?) est (?:mort|morte|décédée?)\b",
    )
)  # fmt: skip
"""What is over; x (and y) tell what."""

SWITCHED: tuple[re.Pattern[str], ...] = tuple(
    re.compile(r"\b" + pattern)
    for pattern in (
        r"(?:switched|changed|went|converted|migrated|upgraded|downgraded)(?: \w+){0,2}? from (?P<x>.+?) to (?P<b>.+)",
        r"(?:replaced|swapped|traded(?: in)?|exchanged) (?P<x>.+?) (?:with|for|by) (?P<b>.+)",
        r"now (?P<b>.+?) instead of (?P<x>.+)",
        r"(?P<b>.+?) instead of (?P<x>.+?) now\b",
        r"von (?P<x>.+?) (?:auf|zu|zum|zur) (?P<b>.+?) (?:umgestiegen|gewechselt|gewechselt|umgestellt)",
        r"(?:jetzt|inzwischen|mittlerweile) (?P<b>.+?) statt (?P<x>.+)",
        r"(?:cambié|pasé|me pasé|me cambié|he cambiado|he pasado)(?: de| el| la| mi)? (?P<x>.+?) (?:a|al|por) (?P<b>.+)",
        r"ahora (?P<b>.+?) en vez de (?P<x>.+)",
        r"(?:passé|changé) d(?:e |')(?P<x>.+?) (?:à|au) (?P<b>.+)",
        r"(?:remplacé|échangé) (?P<x>.+?) (?:par|contre) (?P<b>.+)",
    )
)  # fmt: skip

LIKE = _any(
    r"love|loves|like|enjoy|adore|mag|liebe|encanta|encantan|gusta|gustan|adoro|aime|adore|started liking|come to love"
)
DISLIKE = _any(
    r"hate|dislike|detest|despise|loathe|can't stand|cannot stand|can't bear|don't like|do not like|don't enjoy|hasse|verabscheue|mag kein\w*|mag \w+ nicht|odio|detesto|no soporto|no me gustan?|déteste|n'aime pas"
)
TYPED: dict[str, re.Pattern[str]] = {
    "weekday": re.compile(
        r"\b(?:mon|tues|wednes|thurs|fri|satur|sun)days?\b|\b(?:mon|diens|donners|frei|sams|sonn)tag\w*\b|\bmittwoch\w*\b|\b(?:lunes|martes|miércoles|jueves|viernes|sábados?|domingos?)\b|\b(?:lundi|mardi|mercredi|jeudi|vendredi|samedi|dimanche)s?\b"
    ),
    "time": re.compile(
        r"\b\d{1,2}(?::\d\d)? ?(?:am|pm|a\.m\.|p\.m\.|uhr|h)\b|\b\d{1,2}:\d\d\b|\b(?:noon|midnight|mittags|mediodía|midi)\b"
    ),
    "number": re.compile(r"(?<![\w:.])\d[\d.,]*(?: ?(?:kg|kilos?|lbs?|pounds|euros?|dollars?|%|km|cm))?(?![\w:])"),
}
"""Kinds of values that one thing has one of."""

SMALL = frozenset(
    """
    a an the my our your his her its i we me us it this that to of in at on for with as by from is are am was be
    been being have has had do does did get got go going really very just also so and or but not no any anymore
    more longer every day days week always usually there here all some ich wir mein meine meinen meinem meiner
    unser der die das den dem des ein eine einen einem einer in im am an auf bei mit von zu zum zur nach für als
    ist sind bin war habe haben hab hat und oder aber nicht kein keine keinen mehr jeden jede jedes tag immer
    dort da hier sehr gern gerne dort es seit yo mi mis el la los las un una unos unas de del en a al con por
    para como que es son soy estoy está he ha y o pero no ya más todos todas cada día días siempre muy me se lo
    le nos je j on nous mon ma mes le les des du au aux dans chez pour avec sur et ou mais ne pas plus suis est
    ai tous toutes chaque jour jours toujours très ce cette une now nowadays jetzt inzwischen mittlerweile nun
    ahora actualmente maintenant désormais again wieder still
    """.split()
)
"""Words that carry no content of a claim."""

COUNTRIES = frozenset(
    """
    germany deutschland alemania allemagne switzerland schweiz suiza suisse austria österreich autriche france
    frankreich francia spain spanien españa espagne italy italien italia italie portugal england britain uk
    scotland wales ireland irland irlanda netherlands niederlande holland belgium belgien bélgica belgique
    poland polen polonia pologne denmark dänemark dinamarca sweden schweden suecia suède norway norwegen noruega
    finland finnland greece griechenland grecia turkey türkei turquía usa america states amerika canada kanada
    canadá mexico mexiko méxico argentina argentinien chile peru perú colombia kolumbien brazil brasilien brasil
    japan japón china india indien australia australien zealand europe europa california texas florida bavaria
    bayern catalonia cataluña andalucía california kalifornien russia russland ukraine korea thailand vietnam
    israel egypt morocco marruecos south north
    """.split()
)
"""Homes of another size: who lives in Germany may live in Berlin."""

ENDINGS = tuple(
    """
    amientos iendo ando ungen ieren ingly ings ing edly ied ies ed es est en er em e s n t te o a as os ar ir é
    ó
    """.split()
)
"""Endings of all four languages, by which words are compared; what is left has three letters at least."""

NUMBERS = {
    word: number
    for number, word in enumerate(
        [
            "zero",
            "one",
            "two",
            "three",
            "four",
            "five",
            "six",
            "seven",
            "eight",
            "nine",
            "ten",
            "eleven",
            "twelve",
            "thirteen",
            "fourteen",
            "fifteen",
            "sixteen",
            "seventeen",
            "eighteen",
            "nineteen",
            "twenty",
        ]
    )
} | dict(zip(["thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"], range(30, 100, 10), strict=True))

PETS = ("dog", "cat", "hund", "katze", "perro", "gato", "chien", "chat")
DIED = _any(
    "died|passed|put down", "gestorben|verstorben|eingeschläfert", "murió|falleció|muerto", "mort|morte|décédée?"
)
PRESENT = _any(r"is|are|starts?|meets?|ist|sind|beginnt|es|son|empieza|est|sont|\w{3,}o")
NO_STATE = re.compile(r"\b(?:recipe|restaurant|food|meal|friend|dish|rezept|essen|receta|comida|club|room|bed)\w*")
"""A vegan restaurant makes nobody vegan."""
