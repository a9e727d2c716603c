# ruff: noqa: RUF001 - words of many languages
"""Words for sounds and parts, as makers of MIDI files and of samples write them: one vocabulary for both.

MIDI files take `INSTRUMENTS` and `ROLES`, which make their tags. Names of samples are shorter and odder: they
also take `MORE_SOUNDS` and, where nothing else speaks against it, `ABBREVIATIONS`, as on drum machines.
Words of `OTHER_LANGUAGES` are written without accents, as names are read.

References
----------
.. [1] Roland TR-808 and TR-909, front panels: BD, SD, LT, MT, HT, LC, MC, HC, RS, CL, CP, MA, CB, CY, OH, CH,
   CC, RC.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

INSTRUMENTS: Final[Mapping[str, str]] = {
    "kick": "kick kicks bd bassdrum kik",
    "snare": "snare snares sd rimshot clap claps",
    "hat": "hat hats hihat hihats hh oh ch",
    "cymbal": "cymbal cymbals crash ride splash china",
    "tom": "tom toms",
    "percussion": "perc percs percussion conga congas bongo bongos shaker tambourine cowbell djembe",
    "drums": "drum drums drumkit kit beat beats breakbeat drumloop",
    "bass": "bass bassline basses sub subbass 808",
    "piano": "piano pianos rhodes epiano",
    "keys": "keys keyboard clav clavinet organ harpsichord accordion",
    "guitar": "guitar guitars gtr strum banjo ukulele",
    "strings": "strings string violin viola cello ensemble orchestra",
    "brass": "brass trumpet trombone horn horns tuba",
    "woodwind": "sax saxophone flute clarinet oboe recorder woodwind",
    "synth": "synth synths saw supersaw moog",
    "lead": "lead leads solo topline",
    "pad": "pad pads drone",
    "pluck": "pluck plucks",
    "arpeggio": "arp arps arpeggio arpeggios sequence seq",
    "voice": "vocal vocals vox voice choir",
    "mallet": "marimba vibraphone vibes xylophone glockenspiel bell bells mallet",
}
"""Tag of an instrument: the words that stand for it."""

ROLES: Final[Mapping[str, str]] = {
    "melody": "melody melodies melodic riff riffs",
    "chords": "chord chords",
    "progression": "progression progressions prog progs cadence",
    "loop": "loop loops groove grooves pattern patterns",
    "fx": "fx sfx effect effects riser risers sweep impact uplifter downlifter noise",
    "oneshot": "oneshot oneshots hit stab stabs",
    "fill": "fill fills",
}
"""Tag of what a part does: the words that stand for it."""

MORE_SOUNDS: Final[Mapping[str, str]] = {
    "kick": "kik kck bassdrums subkick",
    "snare": "flam flams snr sidestick rim rims snap snaps fingersnap",
    "clap": "clap claps handclap handclaps clp",
    "hat": (
        "chh ohh phh hhc hho ohat chat ophat clhat ohats chats hatz hihatopen hihatclosed openhat "
        "closedhat pedalhat hhopen hhclosed"
    ),
    "cymbal": "cym cymb rides crashes gong gongs crsh",
    "tom": "rototom floortom tomtom lotom hitom midtom tm",
    "percussion": (
        "bell cabasa cabassa clave claves maraca maracas guiro agogo timbale timbales triangle tambo "
        "tamb tambourin tambourines tamborine tamborines shakers shk shake cowbells block woodblock "
        "woodblocks cajon "
        "darbuka tabla tablas djembes castanet castanets vibraslap cuica surdo pandeiro udu stick "
        "sticks taiko timpani timp whistle rattle sleighbells jinglebells jingle chimes windchime "
        "berimbau repinique repique zabumba tambora guira bata batas atabaque alfaia timbau shekere xequere "
        "kanjira mridangam ghatam daf dholak dhol riq bendir krakeb qraqeb "
        "chime tap taps ganza ashiko bodhran bodran bongoes tumba quinto cng bng caxixi afoxe click "
        "clicks tick can "
        "bottle hit"
    ),
    "drums": (
        "breaks breakbeats breakbeat amen drumbreak drumming percloop toploop toploops rhythm snarl "
        "topper tops drm drumfill drumloops beatbox"
    ),
    "bass": ("bassloop bassloops reese 303 tb303 acid contrabass doublebass bassguitar bs sine"),
    "piano": "grand wurlitzer wurli clavichord pno epno",
    "keys": (
        "harmonium melodica organs hammond celesta harmonica concertina bandoneon toypiano clavinova cembalo"
    ),
    "guitar": (
        "guit guitars gtrs mandolin strat telecaster lute sitar koto oud bouzouki ukelele uke saz guzheng "
        "pipa shamisen tanpura kora"
    ),
    "strings": "str strs vln vla vc pizz pizzicato fiddle contrabasses violins violas cellos celli",
    "brass": "trumpets trombones saxhorn flugelhorn tpt cornet",
    "woodwind": (
        "saxes flutes clarinets oboes bassoon piccolo panflute shakuhachi whistles tenorsax altosax bagpipe "
        "ney duduk bansuri didgeridoo"
    ),
    "synth": (
        "syn snth synthesizer square sawtooth juno jupiter prophet dx7 chiptune chip reso wobble saws "
        "detuned polysynth synthloop synthloops"
    ),
    "lead": "ld",
    "pad": "atmo atmos atmosphere atmospheres drones soundscape soundscapes",
    "pluck": "plk plucked harp harps kalimba",
    "arpeggio": "arpegio",
    "voice": (
        "vocals vocs vx vocalchop vocalchops acapella acappella accapella choirs sing singing singer "
        "sings spoken speech talk chant chants shout shouts scream screams adlib adlibs male female "
        "yeah hey breath laugh laughs mouth rapper phrase vocoder vocode word words numbers alphabet "
        "aah ooh aahs oohs vocalise human people"
    ),
    "mallet": (
        "vibraphones xylo glock tubular musicbox handpan steeldrum steeldrums steelpan gamelan crotale "
        "balafon mbira angklung"
    ),
    "melody": "mel hook tune",
    "chords": "chrd chrds stabs",
    "fx": (
        "swoosh whoosh woosh ambi explode applause crowd metronome ping warp laser lasers zap "
        "explosion explosions boom booms siren sirens glitch glitches "
        "static vinyl crackle scratch scratches scratching rewind reverse reversed transition "
        "transitions uplifters downlifters downer rise rises riser fall falls impacts hits "
        "subdrop subdrops foley ambience ambiance field rain wind thunder water ocean birds bird "
        "crowd gun gunshot shot bomb alarm phone beep beeps blip blips buzz hum noises noisy radio tv "
        "door engine car train animal dog robot alien space ufo windup atmospheric footsteps machine "
        "insect insects animals bee bees frog frogs cricket crickets owl wolf leaves "
        "bleep bleeps boing boink industrial break_glass bubble bubbles lazer fire bang crash_fx "
        "electrical wash sweeps sweeper policesiren crinkle blast airhorn airhorns swell swells braam braams "
        "transitional sfxs"
    ),
}
"""Words in names of samples that are not in those of MIDI parts, or not as surely."""

OTHER_LANGUAGES: Final[Mapping[str, str]] = {
    "kick": (
        "grossetrommel grossecaisse bombo bumbo cassa grancassa stopa basstrumma bastrumma бочка キック "
        "バスドラム バスドラ 킥 底鼓 大鼓"
    ),
    "snare": (
        "caisseclaire caja caixa rullante redoblante werbel kleinetrommel virveltrumma малый рабочий снейр "
        "снэйр スネア スネアドラム 스네어 军鼓 軍鼓 小鼓"
    ),
    "clap": "klatschen handeklatschen palmas palmada klaskanie хлопок хлопки クラップ 拍手 클랩 박수",
    "hat": ("charley charleston chimbal contratempo хэт хет хайхэт хайхет ハイハット ハット 하이햇 햇 踩镲"),
    "cymbal": (
        "becken cymbale cymbales platillo platillos prato pratos piatto piatti talerz talerze cymbaler "
        "тарелка тарелки крэш райд シンバル クラッシュ ライド 심벌 크래시 镲"
    ),
    "tom": "том томы タム 탐 톰 嗵鼓",
    "percussion": (
        "perkussion perkusja percussao percusion percusiones percussioni percussions schlagwerk slagverk "
        "pandereta pandero tamburin tamburello schellenkranz cencerro campanaccio maracas перкуссия "
        "パーカッション タンバリン シェイカー 퍼커션 打击 打击乐 打楽器 沙锤"
    ),
    "drums": (
        "bateria batteria batterie schlagzeug trommel trommeln tambor tambores tambour tambours tamburo "
        "tamburi trumma trummor bebny davul ударные барабан барабаны ドラム ドラムス 드럼 鼓 鼓组"
    ),
    "bass": "bas basse basso bajo baixo бас басс ベース サブベース 베이스 贝斯 低音",
    "piano": "klavier fortepiano pianoforte пианино рояль фортепиано ピアノ 피아노 钢琴 鋼琴",
    "keys": (
        "orgel orgue organo orgao organy tastiera teclado teclados clavier klawisze akkordeon acordeon "
        "fisarmonica орган клавиши аккордеон オルガン キーボード 오르간 键盘 风琴"
    ),
    "guitar": (
        "gitarre gitarren guitare guitares guitarra guitarras chitarra chitarre gitara gitar гитара "
        "ギター 기타 吉他"
    ),
    "strings": (
        "streicher geige violine violon violons violino violini cordes cuerdas cordas archi skrzypce smyczki "
        "violoncelle violoncello fiol strakar keman arpa harfe струнные скрипка виолончель арфа "
        "ストリングス バイオリン 스트링 바이올린 弦乐 小提琴"
    ),
    "brass": (
        "trompete trompeten trompette trompettes trompeta tromba trombe posaune cuivres ottoni "
        "metales metais "
        "trabka blaser труба трубы тромбон валторна トランペット ブラス 트럼펫 小号 铜管"
    ),
    "woodwind": (
        "flote floten flute flauta flautas flauto flauti flet klarinette clarinette clarinete saxophon "
        "saxofon sassofono флейта саксофон кларнет フルート サックス 플루트 색소폰 长笛 萨克斯"
    ),
    "synth": "synthe sintetizador синт синтезатор シンセ 신스 合成器",
    "lead": "лид リード 리드",
    "pad": "пэд пад パッド 패드",
    "voice": (
        "stimme stimmen gesang chor voix chant choeur voz voces vozes canto cantos voce voci coro coros glos "
        "wokal sang rost голос голоса вокал хор ボーカル ヴォーカル 声 コーラス 보컬 목소리 人声 歌声 합창"
    ),
    "mallet": "glocke glocken cloche cloches campana campanas campane sino dzwon колокол ベル 벨 钟",
    "melody": "melodie melodia melodias мелодия メロディ メロディー 멜로디 旋律",
    "chords": (
        "akkord akkorde accord accords acorde acordes accordo accordi akord аккорд аккорды コード 코드 和弦"
    ),
    "fx": (
        "gerausch gerausche effekt effekte rauschen bruit bruits bruitage effet effets ruido ruidos efecto "
        "efectos efeito efeitos rumore rumori effetto effetti szum efekt шум эффект эффекты 効果音 ノイズ "
        "효과음 노이즈 音效 噪音"
    ),
}
"""Kind of sound: its words in German, French, Spanish, Portuguese, Italian, Polish, the Scandinavian
languages, Turkish, Russian, Japanese, Korean and Chinese, as far as they mean nothing else in names."""

ABBREVIATIONS: Final[Mapping[str, str]] = {
    "kick": "bd kd kk kc k bdrum",
    "snare": "sd sn rs rm ss sr snr",
    "clap": "cp clp hcp clps",
    "hat": "hh oh ch ph hc ho hp hho hhc hhp hat",
    "tom": "ht lt mt tt tm ft",
    "cymbal": "cra cr cy cc rc rd rb cym crs",
    "percussion": "lc mc cb cl ma pc pr tb cg sh cab shkr cow per prc",
    "bass": "bs",
    "guitar": "gt",
    "piano": "pn",
    "strings": "st",
    "voice": "vx vc",
    "synth": "sy",
}
"""Kind of sound: the letters that stand for it, alone or before a number, in names of one-shots [1]_."""
