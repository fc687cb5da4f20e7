"""Stop words of common languages: function words and the small talk of chats. Short on purpose."""

from __future__ import annotations

__all__ = ["ANY_TEXT", "FUNCTION_WORDS", "LIGHT", "STOPWORDS"]

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

_FUNCTION = {
    # Swedish, Danish and Norwegian share most of theirs.
    "sv": """och og att at det er är jag jeg inte ikke en ett et som på för for med har mig min til till den av af så
        vi om mycket meget veldig när når de dem deras sig seg sin sitt sine ska skal skulle kan var blir blev bliver
        være vara från fra vid ved också også eller men denna denne dette detta disse dessa där der hvor hur hvis
        under över over efter etter mot bara kun hade havde han hon hun mange många alla alle andra andre den du
        efter end mere vil än måste må kommer få får fick fik mellan mellem genom gennem sedan siden innan inden
        samt endast
        både dock dog hennes hendes hans hos ut ned upp op inom sådan""",
    "pl": """nie się na jest że to do jak ale co mnie mam mój moja moje była był było już bardzo dla czy tylko kiedy
        jestem po w z i o a u za od przez przy jego jej ich tym tego ten ta te są być oraz które który która
        gdy niż można lub także aby podczas przed między więc jednak wszystkie każdy inne bardziej jako tych te
        czyli bo ją""",
    "tr": """bir ve bu çok için ben ama değil var mi mı mu mü ne daha gibi sonra kadar bana beni benim her şey olarak
        ile de da ki o olan en veya ya onun bunun onlar biz siz sen tüm üzere göre
        ancak tarafından sahip fakat önce arasında birçok diğer bazı ise çünkü eğer nasıl kendi hem yani böyle
        şekilde hiç""",
    "vi": """tôi là và của không có những một được cho người này trong khi rất đã đang với các anh chị mình ở để từ
        đến về như cũng sẽ vào ra lên bị nhiều hay hoặc thì mà
        sau đó bạn nếu nên trên dưới hơn cùng họ nó ông bà theo tại việc bởi vì khi sử dụng phải""",
    "fi": """ja on ei se että minä olen mutta niin kun hän minun oli mitä vain myös kuin tämä joka mikä ovat ne hänen
        tai sekä jos kanssa ole voi jotka jossa sen siitä
        jälkeen ansiosta paljon ennen aikana kaikki sitä tätä nämä niiden heidän enemmän mukaan olivat olla ollut
        voidaan voivat""",
    "cs": """je se na že to jsem ale jak co mě můj moje byl byla bylo už jen tak když pro není který která které mám
        a i v z do od po při o s k ze ve jsou být nebo také jeho její jejich tento tato toto
        než si jiné aby až jako více před mezi pod nad však bude může mohou další všechny všech proto protože kde""",
    "ro": """și nu este că în la cu pe am mai dar sunt pentru mi meu mea foarte când din ca de a o un al ale lui ei
        se să fost prin care sau după această acest
        au către decât pot fie poate fără între mult multe toate tot deși dacă unde atunci ar fi era erau nici""",
    "hu": """és nem hogy egy az a van én de is meg már csak mint nagyon volt ez azt mert mikor vagy ki el fel le be
        ha még kell lehet ami aki amely ezt ők mi ti
        követően olyan minden során után előtt között több más által pedig mivel miatt amikor ahol lesz""",
    "id": """yang dan di ini itu saya tidak untuk dengan dari aku ada akan sudah bisa kami pada juga ke adalah oleh
        atau lebih dalam seperti mereka kita anda dia nya para tersebut telah karena bila hanya
        dapat banyak harus setelah sebelum antara saat ketika tetapi namun semua setiap beberapa lain sangat maka
        agar""",
}

FUNCTION_WORDS: dict[str, frozenset[str]] = {code: frozenset(text.split()) for code, text in _FUNCTION.items()}
"""What sentences of further languages cannot do without; "sv" stands for all of Scandinavia."""

_LIGHT = {
    "es": """primer primero primera segundo segunda tercer tercera último última nuevo nueva nuevos nuevas gran grande
        grandes pequeño pequeña bueno buena buen mejor peor mismo misma mismos mismas cosa cosas vez veces día días
        semana semanas mes meses año años hora horas minuto minutos mañana tarde noche tiempo momento lunes martes
        miércoles jueves viernes sábado domingo quiero quiere quieren puedo puede pueden dice dijo digo hago hizo hice
        voy vamos van fuimos tengo tenemos tienen tuve tuvo estoy estamos estuve soy somos sé sabe saben creo gusta
        gustan encanta llamé llama llevo lleva llevamos nunca siempre todavía aún ahora luego dentro fuera cuatro cinco
        seis siete ocho diez cien mil menos media medio entero entera gente falta paso parte lado veo vi ver""",
    "pt": """primeiro primeira segundo segunda terceiro último última novo nova novos novas grande grandes pequeno
        pequena bom boa melhor pior mesma coisa coisas vez vezes dia dias semana semanas mês meses ano anos hora horas
        minuto minutos manhã tarde noite tempo momento segunda-feira terça quarta quinta sexta sábado domingo quero
        quer querem posso pode podem diz disse digo faço fez fiz vou vamos vão fomos tive teve estou estamos sou somos
        sei sabe acho gosto gosta adoro nunca sempre ainda agora depois dentro fora quatro cinco seis sete oito dez
        cem mil menos meia meio inteiro inteira gente falta parte lado ver vi""",
    "fr": """premier première second seconde troisième dernier dernière nouveau nouvelle nouveaux nouvelles grand grande
        grands petit petite petits bon bonne meilleur chose choses jour jours semaine semaines mois an ans année années
        heure heures minute minutes matin soir nuit temps moment lundi mardi mercredi jeudi vendredi samedi dimanche
        veux veut peux peuvent dis disent fais font vais vas allons sais sait crois aime aimes adore jamais toujours
        maintenant dedans dehors trois quatre cinq six sept huit dix cent mille demi entier gens partie côté voir vu
        dernièrement vraiment assez rien aller aujourd hui""",
    "it": """primo prima secondo seconda terzo ultimo ultima nuovo nuova nuovi nuove grande grandi piccolo piccola buono
        buona bene meglio stesso stessa cosa cose volta volte giorno giorni settimana settimane mese mesi anno anni ora
        ore minuto minuti mattina sera notte tempo momento lunedì martedì mercoledì giovedì venerdì sabato domenica
        voglio vuole posso può possono dice detto faccio fatto vado va andiamo so sa credo piace mai adesso dentro
        fuori tre quattro cinque sei sette otto dieci cento mille meno mezzo mezza gente parte lato vedere visto""",
    "de": """Tag Tage Tagen Woche Wochen Monat Monate Monaten Jahr Jahre Jahren Stunde Stunden Minute Minuten Uhr Morgen
        Abend Nacht Zeit Mal Montag Dienstag Mittwoch Donnerstag Freitag Samstag Sonntag Sache Sachen Ding Dinge Leute
        Teil Seite Art Weile Ende Anfang Grund Moment Menge Stück""",
    "nl": """dag dagen week weken maand maanden jaar jaren uur uren minuut minuten morgen avond nacht tijd keer maandag
        dinsdag woensdag donderdag vrijdag zaterdag zondag ding dingen mensen deel kant eerste tweede derde laatste
        nieuwe grote kleine goede beste gaan ga gaat kom komt weet denk vind vindt nooit net weer even""",
    "ru": """первый первая первое второй вторая третий последний последняя новый новая новое большой большая маленький
        хороший хорошая лучший день дня дней дни неделя недели неделю месяц месяца месяцев год года лет час часа часов
        минут утро утром вечер вечером ночь ночью время раз раза понедельник вторник среда среду четверг пятница
        пятницу суббота субботу воскресенье хочу хочет могу может говорит сказал сказала знаю думаю люблю никогда
        всегда давно снова опять два три четыре пять сто тысяча людей люди дело вещь часть""",
}
LIGHT: dict[str, frozenset[str]] = {code: frozenset(text.casefold().split()) for code, text in _LIGHT.items()}
"""Words that name nothing, though they are no small words: ordinals, times, weekdays, the commonest verbs."""

_ANY = """
    и в на не се да за от са с е по като че ще към при до си или но това този тази те той тя ни му ги им беше има
    може които който която само след преди също така й та у що з із як це від або ми ви вони він вона його її їх був
    була було бути є також після про для який яка які коли де тут цей ця ці і же
    през въпреки всеки всички между без както повече най много под над дори чрез все друг други друга ако когато
    където
    під час щоб ніж між через дуже всі кожен інші більше можна могли над
    και το η ο οι τα του της των τον την στο στη στην στον στα με για από που να δεν θα είναι ήταν ένα μια ως κατά ή
    αν αλλά πως σε μου σου μας τους τις αυτό αυτή αυτός όταν
    μετά τη ότι όπως πολύ πιο όλα όλοι μόνο έχει έχουν είχε μέσα μπορεί μπορείτε σας κάθε πριν πάνω κάτω χωρίς ακόμη
    और के की का को में से है हैं था थे थी पर ने कि यह वह इस उस एक भी नहीं लिए तो हो ही कर या जो अपने
    गया गई गए बाद करने करना करते किया किए आप यहाँ वहाँ जब तब तक तथा साथ द्वारा बहुत कुछ सभी होता होती होते सकते सकता
    रहा रहे रही लेकिन क्योंकि
    في من على إلى عن أن هذا هذه التي الذي كان كانت لا ما هو هي مع أو قد كل بعد قبل كما ثم لم لن إن
    الأخرى أخرى ذلك تلك أكثر أيضا أيضاً العديد بعض غير حتى عند لكن بين حيث يمكن كذلك منذ عندما خلال هناك فقط أي دون
    การ ความ ของ ที่ และ ใน เป็น ได้ มี ให้ จะ ไม่ ว่า กับ จาก โดย คน นี้ นั้น แต่ ก็ ไป มา แล้ว ต้อง อย่าง หรือ ด้วย ซึ่ง เพื่อ
    ในการ มีการ ของการ ที่มี ไม่ได้ อง
    של את על לא זה הוא היא אני עם כי אם גם או היה היו יש אין כל מה אבל
    לאחר יותר כדי אחרי לפני בין כמו אך רק עוד היתה הייתה להיות שלו שלה שלהם אלה אותו אותה תוך ידי"""

ANY_TEXT = frozenset(_ANY.casefold().split())
"""Function words of Bulgarian, Ukrainian, Greek, Hindi, Thai, Arabic and Hebrew: no words in Latin letters."""
