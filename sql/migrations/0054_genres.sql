-- Genres: what each raw tag means, what each genre is a kind of, and which genres are near.
CREATE TABLE genre_tags (
    raw VARCHAR NOT NULL,
    position USMALLINT NOT NULL,
    name VARCHAR NOT NULL,
    kind VARCHAR NOT NULL CHECK (kind IN ('genre', 'mood', 'instrument', 'era', 'place', 'reject')),
    reason VARCHAR
);

CREATE TABLE genres (
    name VARCHAR PRIMARY KEY,
    parents VARCHAR[] NOT NULL,
    in_vocabulary BOOLEAN NOT NULL
);

CREATE TABLE genre_similarity (
    a VARCHAR NOT NULL,
    b VARCHAR NOT NULL,
    first FLOAT NOT NULL,
    second FLOAT NOT NULL,
    words FLOAT NOT NULL,
    parent FLOAT NOT NULL,
    jaccard FLOAT NOT NULL,
    weight FLOAT NOT NULL,
    by_user BOOLEAN NOT NULL,
    PRIMARY KEY (a, b)
);
