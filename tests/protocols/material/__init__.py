"""What the contract test shows to every dialect: each venue's own frames and bodies, and what is to be understood.

    kit       the shape of a venue's material, and the ways in which a document is spoilt
    verbs     what the test does with it

A module a venue; its `MATERIALS` are one or, where a venue has surfaces that differ, several. Values are made up,
shapes are those of the venue's pages.
"""
