/**
 * Functions of Postgres that only compute from their arguments. What is not here is refused, because a list of the
 * harmful ones would never be whole: query_to_xml runs SQL, ts_stat too, pg_read_file reads the server's disk, pg_sleep and
 * advisory locks hold others up, and whatever fills memory from a number (repeat, lpad, format) does as well.
 * Source: https://www.postgresql.org/docs/18/functions.html
 */
export const computing: ReadonlySet<string> = new Set(
  [
    // Aggregates and windows
    'any_value array_agg avg bit_and bit_or bool_and bool_or count every max min range_agg string_agg sum',
    'json_agg jsonb_agg json_object_agg jsonb_object_agg corr covar_pop covar_samp regr_slope regr_intercept regr_r2',
    'stddev stddev_pop stddev_samp variance var_pop var_samp mode percentile_cont percentile_disc',
    'row_number rank dense_rank percent_rank cume_dist ntile lag lead first_value last_value nth_value',
    // Numbers
    'abs cbrt ceil ceiling degrees div exp floor gcd lcm ln log log10 mod power radians round scale sign sqrt trunc',
    'trim_scale width_bucket',
    // Text
    'ascii bit_length btrim char_length character_length chr concat concat_ws initcap left length lower ltrim md5',
    'normalize octet_length overlay position quote_literal quote_ident regexp_count regexp_like regexp_match',
    'regexp_replace regexp_substr replace reverse right rtrim split_part starts_with strpos substr substring to_hex',
    'translate trim unistr upper encode decode sha256 string_to_array string_to_table',
    // Dates and times
    'age date_bin date_part date_trunc extract justify_days justify_hours justify_interval make_date make_interval',
    'make_time make_timestamp make_timestamptz now overlaps timezone to_char to_date to_number to_timestamp',
    'isfinite clock_timestamp statement_timestamp transaction_timestamp',
    // Arrays, ranges and JSON
    'array_append array_cat array_length array_position array_positions array_prepend array_remove array_replace',
    'array_to_string cardinality unnest lower_inc upper_inc isempty range_merge generate_subscripts generate_series',
    'json_array_elements json_array_elements_text json_array_length json_build_array json_build_object json_each',
    'json_each_text json_extract_path json_extract_path_text json_object_keys json_typeof row_to_json to_json',
    'jsonb_array_elements jsonb_array_elements_text jsonb_array_length jsonb_build_array jsonb_build_object jsonb_each',
    'jsonb_each_text jsonb_extract_path jsonb_extract_path_text jsonb_object_keys jsonb_path_exists jsonb_path_query',
    'jsonb_path_query_first jsonb_path_query_array jsonb_pretty jsonb_typeof to_jsonb jsonb_strip_nulls',
    // Full text search
    'to_tsvector to_tsquery plainto_tsquery phraseto_tsquery websearch_to_tsquery ts_rank ts_headline',
  ].flatMap((line) => line.split(' ')),
);
