"""The General MIDI level 1 sound set (MMA RP-003, 1991), as words for file names."""

from __future__ import annotations

from typing import Final

PROGRAM_NAMES: Final = tuple(  # a table of words reads best as words
    """
    grand_piano bright_piano electric_grand honky_tonk electric_piano_1 electric_piano_2 harpsichord clavinet
    celesta glockenspiel music_box vibraphone marimba xylophone tubular_bells dulcimer
    drawbar_organ percussive_organ rock_organ church_organ reed_organ accordion harmonica bandoneon
    nylon_guitar steel_guitar jazz_guitar clean_guitar muted_guitar overdriven distortion harmonics
    acoustic_bass fingered_bass picked_bass fretless_bass slap_bass_1 slap_bass_2 synth_bass_1 synth_bass_2
    violin viola cello contrabass tremolo_strings pizzicato harp timpani
    strings_1 strings_2 synth_strings_1 synth_strings_2 choir_aahs voice_oohs synth_voice orchestra_hit
    trumpet trombone tuba muted_trumpet french_horn brass synth_brass_1 synth_brass_2
    soprano_sax alto_sax tenor_sax baritone_sax oboe english_horn bassoon clarinet
    piccolo flute recorder pan_flute bottle shakuhachi whistle ocarina
    square_lead saw_lead calliope_lead chiff_lead charang_lead voice_lead fifths_lead bass_lead
    new_age_pad warm_pad polysynth_pad choir_pad bowed_pad metallic_pad halo_pad sweep_pad
    rain soundtrack crystal atmosphere brightness goblins echoes sci_fi
    sitar banjo shamisen koto kalimba bagpipe fiddle shanai
    tinkle_bell agogo steel_drums woodblock taiko melodic_tom synth_drum reverse_cymbal
    fret_noise breath_noise seashore bird_tweet telephone helicopter applause gunshot
    """.split()  # noqa: SIM905
)
"""Shape (128,), by program number."""

DRUMS: Final = "drums"


def instrument(program: int, drum_score: float) -> str:
    """Name what a part plays: its program, or ``drums`` where the score is above 0.5."""
    return DRUMS if drum_score > 0.5 else PROGRAM_NAMES[program]
