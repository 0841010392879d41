"""Summaries of the demo's dialogues as a person would write them, in five languages.

Each is of the first `COVERED` messages of a dialogue: an observer's report, a note, a list of a few words.
"""

from __future__ import annotations

COVERED = 14

GOOD: dict[int, list[str]] = {
    0: [
        "The user wanted a music event in San Francisco. The AI suggested Allan Rayman (hip hop) at August Hall, 420 Mason "
        "Street, on 9 March at 6 pm. No tickets were bought yet; next the user asks for an account balance.",
        "User is looking for something fun in San Francisco, prefers music, and likes the Allan Rayman concert on March 9th "
        "but does not want to buy right now.",
        "Der Nutzer sucht Musik in San Francisco. Allan Rayman tritt am 9. März um 18 Uhr in der August Hall auf, "
        "420 Mason Street. Karten will er jetzt noch nicht kaufen und fragt nach seinem Kontostand.",
        "L'utilisateur cherche un concert à San Francisco : Allan Rayman, hip-hop, le 9 mars à 18 h à l'August Hall "
        "(420 Mason Street). Il n'achète pas de billets pour l'instant et demande le solde de son compte.",
        "El usuario busca música en San Francisco y le gusta el concierto de Allan Rayman, el 9 de marzo a las 18:00 en "
        "August Hall (420 Mason Street). Todavía no compra entradas; pregunta por su saldo.",
        "用户想在San Francisco听音乐会。AI推荐了3月9日18点在August Hall(420 Mason Street)的Allan Rayman。用户暂不买票,接着询问账户余额。",
    ],
    1: [
        "Two bus tickets from Las Vegas to Fresno on 8 March are booked: departure 12:20 pm, $38, no transfers (the user had "
        "asked for 12:15).",
        "- trip: Las Vegas -> Fresno, Friday 8 March, two people\n- 12:15 was not available, so the bus at 12:20 for $38 "
        "was booked\n- direct, no change",
        "Der Nutzer hat zwei Busfahrkarten von Las Vegas nach Fresno für den 8. März um 12:20 Uhr gebucht, 38 Dollar, ohne "
        "Umsteigen. 12:15 war nicht möglich.",
        "Deux billets de bus de Las Vegas à Fresno sont réservés pour le 8 mars, départ à 12 h 20, 38 dollars, sans "
        "correspondance.",
        "Se reservaron dos billetes de autobús de Las Vegas a Fresno para el 8 de marzo a las 12:20, por 38 dólares y sin "
        "transbordos.",
        "用户订了两张3月8日12:20从Las Vegas到Fresno的汽车票,票价38美元,无需换乘。",
    ],
    2: [
        "The user is looking for help in Mill Valley. The psychologist Brown Brooke A has her office at 247 Miller Ave, phone "
        "415-458-3177. As a family counselor the user likes Sorensen Phyllis, but does not book a visit yet.",
        "Therapists found in Mill Valley: Brooke Brown (psychologist, 415-458-3177) and Phyllis Sorensen (family counselor). "
        "No appointment was made.",
        "Gesucht wird ein Therapeut in Mill Valley: die Psychologin Brown Brooke A (247 Miller Ave, 415-458-3177) oder die "
        "Familienberaterin Sorensen Phyllis. Ein Termin ist noch nicht vereinbart.",
        "L'utilisateur cherche un thérapeute à Mill Valley. La psychologue Brown Brooke A est au 247 Miller Ave "
        "(415-458-3177) ; la conseillère familiale Sorensen Phyllis lui convient, mais il ne prend pas encore rendez-vous.",
        "El usuario busca terapeuta en Mill Valley. Hay una psicóloga, Brown Brooke A (247 Miller Ave, 415-458-3177), y una "
        "consejera familiar, Sorensen Phyllis, que le parece bien. Aún no hay cita.",
        "用户在Mill Valley找心理医生:Brown Brooke A,地址247 Miller Ave,电话415-458-3177;家庭顾问Sorensen Phyllis也合适,但暂不预约。",
    ],
    3: [
        "The user needs a bus from Fresno to Los Angeles. First the 12th was asked for (9 am, $38, from Fresno Station to Union "
        "Station, direct), then the 14th for three people: there is one at 9:50 am for $35 and eight others.",
        "Wants to travel from Fresno to LAX by bus in March; now three passengers on the 14th. Nothing is booked yet.",
        "Der Nutzer möchte mit dem Bus von Fresno nach Los Angeles, zuerst am 12. (9 Uhr, 38 Dollar), jetzt am 14. März zu "
        "dritt: um 9:50 Uhr für 35 Dollar. Gebucht ist noch nichts.",
        "L'utilisateur veut aller en bus de Fresno à Los Angeles, d'abord le 12 mars (9 h, 38 dollars), puis à trois le 14 : "
        "départ à 9 h 50 pour 35 dollars. Rien n'est réservé.",
        "El usuario quiere ir en autobús de Fresno a Los Angeles. Ahora pregunta por el 14 de marzo para 3 personas: hay uno a "
        "las 9:50 por 35 dólares sin transbordos.",
        "用户要坐汽车从Fresno去Los Angeles,起初是12日9点(38美元),后来改为3月14日三人:9:50出发,35美元,直达。尚未预订。",
    ],
    4: [
        "The savings account holds $23,328.30 and the checking account $2,625.44. The user wants to transfer $270 to Khadija "
        "and is asked to confirm it.",
        "Balances: savings 23,328.30, checking 2,625.44 dollars. A transfer of 270 dollars to Khadija is being prepared.",
        "Auf dem Sparkonto liegen 23.328,30 Dollar, auf dem Girokonto 2.625,44 Dollar. Der Nutzer will 270 Dollar an Khadija "
        "überweisen.",
        "Le compte d'épargne contient 23 328,30 dollars et le compte courant 2 625,44. L'utilisateur veut virer 270 dollars à "
        "Khadija.",
        "Hay 23.328,30 dólares en la cuenta de ahorros y 2.625,44 en la corriente. El usuario quiere transferir 270 dólares a "
        "Khadija.",
        "储蓄账户余额23,328.30美元,支票账户2,625.44美元。用户要给Khadija转账270美元,等待确认。",
    ],
    5: [
        "The user wanted a detective film and chose Body Double, but does not rent it now. Then a pop song: Adorn by Miguel, "
        "from Kaleidoscope Dream, was suggested.",
        "Interested in the mystery movie Body Double (not rented) and in pop music such as Miguel's Adorn.",
        "Der Nutzer suchte einen Krimi und fand Body Double gut, leiht ihn aber noch nicht aus. Als Popsong wurde ihm Adorn von "
        "Miguel aus dem Album Kaleidoscope Dream vorgeschlagen.",
        "L'utilisateur cherchait un film policier ; Body Double lui plaît, mais il ne le loue pas maintenant. On lui propose "
        "la chanson Adorn de Miguel, de l'album Kaleidoscope Dream.",
        "El usuario buscaba una película de detectives y le gustó Body Double, aunque no la alquila todavía. Se le propone la "
        "canción Adorn de Miguel, del álbum Kaleidoscope Dream.",
        "用户想看侦探片,喜欢Body Double,但暂不租。之后想听流行歌,AI推荐Miguel的Adorn,出自专辑Kaleidoscope Dream。",
    ],
}
"""By the number of the dialogue: two in English, then German, French, Spanish and Chinese."""
