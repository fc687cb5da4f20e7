"""Stop words of common languages: function words and the small talk of chats. Short on purpose."""

from __future__ import annotations

__all__ = ["STOPWORDS"]

_LISTS = {
    "en": """a about after again all almost already also always am an and another any anyone anything are aren't
        around as at away back be because been before being best better between big bit both but by came
        can can't come could couldn't day days did didn't do does doesn't doing don't done down during
        each either else enough even ever every everyone everything feel felt few finally first for from
        full get gets getting go goes going gonna good got had has hasn't have haven't having he her
        here hers him his how i i'd i'll i'm i've if in into is isn't it it's its just keep kept kind
        know last later least less let like little ll long lot lots made make makes many may maybe me
        might mine more most much must my myself near need never new next nice no nobody none nor not
        nothing now of off often ok okay old on once one only or other others our ours out over own past
        people per please put quite rather re really said same saw say says see seen shall she should
        since so some someone something sometimes soon still such sure take taking than thank thanks
        that that's the their theirs them then there these they thing things think this those though
        through till to today together told tomorrow tonight too took try trying two under until up upon
        us use used using ve very want wanted wants was wasn't way we well went were what when where
        which while who whom whose why will with within without won't would year years yes yesterday yet
        you your yours yourself""",
    "de": """aber alle allem allen aller alles als also am an andere anderen auch auf aus bei bin bis bist da damit
        dann das dass dein deine dem den denn der des dich die dies diese diesem diesen dieser dieses
        dir doch dort du durch ein eine einem einen einer eines er es etwas euch euer für gegen gehabt
        gerade gern hab habe haben hat hatte hatten heute hier hin ich ihm ihn ihnen ihr ihre ihrem
        ihren im immer in ins ist ja jede jedem jeden jeder jedes jetzt kann kein keine keinen können
        man mehr mein meine meinem meinen meiner mich mir mit morgen muss nach nicht nichts noch nun nur
        ob oder ohne schon sehr sein seine seinem seinen seit selbst sich sie sind so soll und uns unser
        unsere unter viel vom von vor war waren warum was wegen weil wenn wer werde werden wie wieder
        will wir wird wo wurde zu zum zur über gestern mal ganz""",
    "fr": """à ai ainsi alors après as au aujourd'hui aussi autre aux avait avant avec avoir beaucoup bien c ça ce
        cela ces cet cette chez comme d dans de depuis des deux dit donc dont du elle elles en encore
        est et était été être eu fait faire fois il ils j je jour jusqu l la le les leur leurs lui m ma
        mais me même mes moi moins mon n ne ni nos notre nous on ont ou où par parce pas peu peut plus
        pour pourquoi puis qu quand que quel quelle qui quoi s sa sans se ses si son sont sous suis sur
        t ta te tes toi ton tous tout toute toutes très trop tu un une va vers vos votre vous y""",
    "es": """a al algo algunos ante antes aquí así aunque ayer bien cada casi como con contra cual cuando de del
        desde después donde dos durante e el él ella ellas ellos en entre era eran es esa esas ese eso
        esos esta está estaba estado están estar estas este esto estos fue fueron ha había hace hacer
        han hasta hay he hoy la las le les lo los más me mi mis mucho muy nada ni no nos nosotros o os
        otra otro para pero poco por porque que qué quien se sea ser si sí sido sin sobre solo son su
        sus también tan tanto te tengo tiene todo todos tu tus un una uno unos vez y ya yo""",
    "it": """a abbiamo ad ai al alla alle anche ancora avere c che chi ci come con cosa così cui da dai dal dalla dei
        del della delle di dopo dove due e è ed era essere fa fare fino fra gli già ha hai hanno ho i il
        in io l la le lei li lo loro lui ma me mi mia mie mio molto ne nei nel nella noi non nostro
        nulla o oggi ogni per perché più poi prima quando quanto quella quello questa questo qui se sei
        sempre si sia siamo solo sono sta stato su sua sul suo te ti tra tu tutti tutto un una uno vi""",
    "pt": """a ainda ao aos aqui as às até com como da das de dela dele depois do dos e é ela ele eles em entre era
        essa esse esta está estava este eu foi for fui há hoje isso isto já lá lhe mais mas me mesmo meu
        meus minha muito na não nas nem no nos nós o os ou para pela pelo por porque quando que quem se
        sem ser seu sua só também tem tenho ter teu toda todo tu tudo um uma vai você vocês""",
    "nl": """aan al alles als altijd andere ben bij daar dan dat de der deze die dit doch doen door dus een eens en
        er ge geen geweest haar had heb hebben heeft hem het hier hij hoe hun iemand iets ik in is ja je
        kan kon kunnen maar me meer men met mij mijn moet na naar niet niets nog nu of om omdat onder
        ons ook op over reeds te tegen toch toen tot u uit van veel voor want waren was wat we wel werd
        wezen wie wij wil worden wordt zal ze zelf zich zij zijn zo zonder zou vandaag""",
    "ru": """а без был была были было быть в вам вас весь во вот все всё всего всех вчера вы где да даже для до его
        ее её если есть еще ещё же за здесь и из или им их к как когда кто ли либо между меня мне много
        может можно мой моя мы на над надо нас не него нее нет ни ним них но ну о об один она они оно
        опять от очень перед по под после потом потому почти при про раз с сам себе себя сегодня сейчас
        со так также такой там тебе тебя тем теперь то тоже только том тот ту ты у уже хотя чего чем что
        чтобы эта эти это этого этой этот я""",
}

STOPWORDS: dict[str, frozenset[str]] = {code: frozenset(text.split()) for code, text in _LISTS.items()}
"""Stop words by ISO 639-1 code."""
