-- Texts that say JSON are compared however they are spelled: who wrote them may have been a stranger's parser, and no comparison may fail by it.

CREATE OR REPLACE FUNCTION catalog.same_json_v1(a text, b text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE PARALLEL UNSAFE AS $$
BEGIN
    IF a IS NOT DISTINCT FROM b THEN
        RETURN true;
    END IF;
    IF a IS NULL OR b IS NULL OR octet_length(a) > 10000000 OR octet_length(b) > 10000000 THEN
        RETURN false;
    END IF;
    RETURN a::jsonb = b::jsonb;
EXCEPTION
    -- No JSON, no character of PostgreSQL's, no room for a number; nested deeper than the stack is.
    WHEN data_exception OR program_limit_exceeded THEN
        RETURN false;
END
$$;
COMMENT ON FUNCTION catalog.same_json_v1 IS
    'True when two texts are equal, or both are JSON that jsonb has room for and has equal; it raises nothing for any text.';
