"""What is said of the samples of marrows, by language: poor ones, and good ones."""

POOR = {
    "en": """
Aspirate: dry tap|dry tap|Spicules: absent|Spicules: none seen|No spicules seen|Particles absent
No marrow particles|hemodilute|Aspirate is hemodilute|Marked hemodilution
Sample mix-up|Belongs to another patient
haemodiluted aspirate|no representative aspirate|non-diagnostic aspirate|aparticulate smear
Aspirate not representative|Marrow not evaluable|contaminated with peripheral blood
""",
    "de": """
Probe stark verdünnt|Probe geronnen|Probenverwechslung
Punctio sicca|Punctio sicca, nur Blut|Knochenmark nicht verwertbar|Hämodiluiertes Aspirat
Keine Markbröckel|Markbröckel fehlen|bröckelfrei|Aspirat nicht repräsentativ
Aspirat nicht beurteilbar|Kein repräsentatives Aspirat|Starke Blutbeimengung|Keine Partikel
Ausstrich nicht auswertbar|Deutliche Hämodilution|Mark nicht aspirierbar
""",
    "fr": """
ponction blanche|ponction sèche|aspirat hémodilué|frottis hémodilué|absence de grumeaux
pas de grumeaux|sans particules médullaires|prélèvement non représentatif
aspirat non interprétable|moelle diluée|Hémodilution marquée|moelle non évaluable
prélèvement non contributif|frottis ininterprétable
""",
    "es": """
punción seca|aspirado hemodiluido|Muestra hemodiluida|ausencia de grumos|sin grumos medulares
sin espículas|aspirado no representativo|aspirado no valorable|aspirado no diagnóstico
Hemodilución marcada|aspirado insuficiente|médula no evaluable|solo sangre
""",
    "it": """
puntato secco|puntura secca|aspirato emodiluito|Emodiluizione marcata|assenza di frustoli
senza frustoli midollari|aspirato non diagnostico|aspirato non valutabile
aspirato non rappresentativo|striscio inadeguato|nessun frustolo midollare presente
midollo non valutabile|solo sangue
""",
    "nl": """
punctio sicca|droge punctie|aspiraat bloedverdund|Hemodilutie|geen brokjes|geen beenmergbrokjes
geen partikels gezien|aspiraat niet beoordeelbaar|aspiraat niet representatief
beenmerg niet beoordeelbaar|aspiraat onvoldoende|uitstrijkje onbruikbaar|alleen bloed
""",
    "pt": """
punção seca|punção branca|aspirado hemodiluído|Hemodiluição acentuada|sem grumos
ausência de espículas|aspirado não representativo|aspirado não avaliável
aspirado não diagnóstico|esfregaço inadequado|medula diluída|apenas sangue
""",
}
NAMED = {
    "en": """
Aspirate quality: poor|Specimen adequacy: inadequate|Aspirate: dry tap|Spicules: absent
Spicules: none seen|Particles: none|Hemodilution: marked|Hemodilution: yes
SAMPLE_ADEQUACY: INADEQUATE|Sample_quality: inadequate|Adequacy: No|Adequate sample: false
Representative: no|Marrow adequacy: suboptimal|Aspirate quality: non-diagnostic
""",
    "de": """
Beurteilbarkeit: eingeschränkt|Aspirat: nicht beurteilbar|Punktatqualität: bröckelfrei
Punktion: Punctio sicca|Markbröckel: keine|Markbröckel: fehlen|Blutbeimengung: stark
Qualität des Ausstrichs: schlecht|Repräsentativ: nein|Hämodilution: ja|Hämodilution: deutlich
""",
    "fr": """
Qualité du prélèvement: ininterprétable|Qualité du prélèvement: mauvaise|Grumeaux: absents
Hémodilution: oui|Représentatif: non|Frottis: non interprétable
""",
    "es": """
Calidad de la muestra: hemodiluida|Calidad de la muestra: inadecuada|Grumos: ausentes
Hemodilución: sí|Representativa: no|Aspirado: punción seca
""",
    "it": """
Qualità del campione: inadeguato|Frustoli: assenti|Emodiluizione: marcata|Striscio: inadeguato
Rappresentativo: no|Aspirato: puntato secco
""",
    "nl": """
Kwaliteit aspiraat: onvoldoende|Kwaliteit van het monster: slecht|Brokjes: geen
Brokjes: afwezig|Beoordeelbaarheid: slecht|Representatief: nee|Hemodilutie: ja
""",
    "pt": """
Qualidade da amostra: inadequada|Grumos: ausentes|Espículas: ausentes|Representativa: não
Hemodiluição: sim|Aspirado: punção seca
""",
}
ORDINARY = {
    "en": """
Aspirate quality: good|Aspirate quality: good, particles present|Aspirate quality: excellent
Specimen adequacy: adequate|Adequacy: yes|Adequate sample: yes|Spicules: present
Spicules: numerous|Spicules: many|Particles: present|Hemodilution: no|Hemodilution: none
Hemodilution: absent|Hemodilution: not present|Hemodilution: not seen|Hemodilution: slight
No hemodilution|No evidence of hemodilution|No significant hemodilution|Without hemodilution
Slightly hemodilute but adequate|Mildly hemodilute, adequate for evaluation|Adequate
Spicules present|Several spicules present|Cellular particles present|Dry tap: no|No dry tap
Representative sample|Sample representative|Aspirate is adequate|Adequate, cellular aspirate
Iron not evaluable|Megakaryocytes not evaluable|Fibrosis not assessable in the smear
Trilineage maturation, no dysplasia|Normocellular marrow|Particles present, no iron stores
Aspirate and clot section adequate|No infiltrate|Good quality smears|Representative: yes
Cytogenetics: not informative|Karyotype: insufficient metaphases|Sample quality: good
""",
    "de": """
Hämodilution: nein|Hämodilution: keine|Hämodilution: nicht vorhanden|Hämodilution: gering
Keine Hämodilution|Ohne Hämodilution|Keine Zeichen einer Hämodilution|Leicht hämodiluiert
Leichte Hämodilution, gut beurteilbar|Markbröckel: vorhanden|Markbröckel: reichlich
Markbröckel vorhanden|Markbröckel: ja|Reichlich Markbröckel|Mehrere Bröckel, gut beurteilbar
Aspirat gut beurteilbar|Aspirat: gut|Aspiratqualität: gut|Aspiratqualität: sehr gut
Qualität des Ausstrichs: gut|Beurteilbarkeit: gut|Beurteilbarkeit: ausreichend
Gut beurteilbarer Ausstrich|Repräsentativ: ja|Repräsentatives Aspirat|Material ausreichend
Probe nicht geronnen|Keine Probenverwechslung
Punktion komplikationslos|Punctio sicca: nein|Keine Punctio sicca|Blutbeimengung: gering
Blutbeimengung: keine|Geringe Blutbeimengung|Eisen nicht beurteilbar
Megakaryozyten nicht beurteilbar|FISH nicht verwertbar|Fibrose: nicht beurteilbar
Unauffällige Hämatopoese|Normozelluläres Mark|Ausreifung in allen Reihen|Probenqualität: gut
DNA-Qualität: unzureichend|Aspirat adäquat|Partikel: vorhanden
""",
    "fr": """
Qualité du prélèvement: bonne|Qualité du prélèvement: satisfaisante|Bonne qualité
Grumeaux: présents|Grumeaux présents|Présence de grumeaux|Nombreux grumeaux|Grumeaux: nombreux
Hémodilution: non|Hémodilution: absente|Pas d'hémodilution|Absence d'hémodilution
Sans hémodilution|Aucune hémodilution|Légère hémodilution|Légère hémodilution, interprétable
Prélèvement représentatif|Représentatif: oui|Frottis de bonne qualité|Frottis interprétable
Frottis: bon|Moelle riche|Moelle normale|Moelle de richesse normale|Aspirat satisfaisant
Aspirat: satisfaisant|Aspirat suffisant|Particules présentes|Spicules présents
Ponction blanche: non|Pas de ponction blanche|Fer non évaluable|Mégacaryocytes non évaluables
Caryotype non contributif|Pas d'anomalie|Maturation normale|Aspirat adéquat
Myélogramme normal|Prélèvement de bonne qualité|Ponction sans incident|Suffisant: oui
""",
    "es": """
Calidad de la muestra: buena|Calidad de la muestra: adecuada|Muestra adecuada|Muestra suficiente
Grumos: presentes|Grumos presentes|Grumos: abundantes|Abundantes grumos|Espículas: presentes
Hemodilución: no|Hemodilución: ausente|Sin hemodilución|No hay hemodilución
Ausencia de hemodilución|Ninguna hemodilución|Leve hemodilución|Leve hemodilución, valorable
Aspirado representativo|Representativa: sí|Aspirado: adecuado|Aspirado de buena calidad
Aspirado valorable|Frotis: bueno|Frotis de buena calidad|Médula normocelular|Médula normal
Maduración normal|Sin displasia|Punción seca: no|Sin punción seca|Hierro no valorable
Megacariocitos no valorables|Cariotipo no valorable|Sin infiltración|Partículas presentes
Espículas visibles|Calidad: buena|Extendido adecuado|Muestra apta|Celularidad normal
Serie roja normal|Punción sin complicaciones
""",
    "it": """
Qualità del campione: buona|Qualità del campione: adeguata|Campione adeguato|Campione idoneo
Frustoli: presenti|Frustoli presenti|Frustoli: numerosi|Numerosi frustoli|Spicole presenti
Emodiluizione: no|Emodiluizione: assente|Senza emodiluizione|Assenza di emodiluizione
Nessuna emodiluizione|Non emodiluizione|Lieve emodiluizione|Lieve emodiluizione, valutabile
Aspirato rappresentativo|Rappresentativo: sì|Aspirato: adeguato|Aspirato di buona qualità
Aspirato valutabile|Striscio: buono|Striscio di buona qualità|Midollo normocellulare
Midollo normale|Maturazione normale|Senza displasia|Puntato secco: no|Nessuna puntura secca
Ferro non valutabile|Megacariociti non valutabili|Cariotipo non valutabile
Nessun infiltrato|Particelle presenti|Frustoli midollari presenti|Qualità: buona
Striscio adeguato|Campione sufficiente|Cellularità normale|Aspirazione senza complicanze
""",
    "nl": """
Kwaliteit aspiraat: goed|Kwaliteit van het monster: voldoende|Aspiraat: goed
Brokjes: aanwezig|Brokjes aanwezig|Brokjes: veel|Beenmergbrokjes aanwezig|Veel brokjes
Hemodilutie: nee|Hemodilutie: geen|Hemodilutie: afwezig|Geen hemodilutie
Geen tekenen van hemodilutie
Lichte hemodilutie|Lichte hemodilutie, goed beoordeelbaar|Beoordeelbaarheid: goed
Aspiraat representatief|Representatief: ja|Representatief aspiraat|Goed beoordeelbaar
Aspiraat goed beoordeelbaar|Uitstrijkje: goed|Uitstrijkje van goede kwaliteit|Aspiraat voldoende
Aspiraat adequaat|Normocellulair beenmerg|Normaal beenmerg|Normale uitrijping|Geen dysplasie
Droge punctie: nee|Geen droge punctie|Geen punctio sicca|IJzer niet beoordeelbaar
Megakaryocyten niet beoordeelbaar|Karyotype niet beoordeelbaar|Partikels aanwezig
Partikels: aanwezig|Geen infiltratie|Monster geschikt|Punctie zonder complicaties
Goede kwaliteit|Celrijk beenmerg
""",
    "pt": """
Qualidade da amostra: boa|Qualidade da amostra: adequada|Amostra adequada|Amostra suficiente
Grumos: presentes|Grumos presentes|Grumos: numerosos|Espículas: presentes|Espículas presentes
Hemodiluição: não|Hemodiluição: ausente|Sem hemodiluição|Ausência de hemodiluição
Nenhuma hemodiluição|Não há hemodiluição|Leve hemodiluição|Leve hemodiluição, avaliável
Aspirado representativo|Representativa: sim|Aspirado: adequado|Aspirado de boa qualidade
Aspirado avaliável|Esfregaço: bom|Esfregaço de boa qualidade|Medula normocelular|Medula normal
Maturação normal|Sem displasia|Punção seca: não|Sem punção seca|Ferro não avaliável
Megacariócitos não avaliáveis|Cariótipo não avaliável|Sem infiltração|Partículas presentes
Numerosos grumos|Esfregaço adequado|Amostra representativa|Celularidade normal
Punção sem complicações|Série vermelha normal
""",
}
