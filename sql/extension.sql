-- What CREATE EXTENSION makes: every object is named s3_..., has a comment, and only the harmless ones
-- may be executed by everybody.
CREATE EXTENSION neon_s3;

SELECT extname, extversion, extrelocatable FROM pg_extension WHERE extname = 'neon_s3';

SELECT superuser, trusted, relocatable FROM pg_available_extension_versions
 WHERE name = 'neon_s3' AND version = '1.0';

SELECT p.oid::regprocedure AS function,
       p.provolatile AS volatility, p.proparallel AS parallel,
       has_function_privilege('public', p.oid, 'EXECUTE') AS public,
       obj_description(p.oid, 'pg_proc') IS NOT NULL AS comment
  FROM pg_depend d JOIN pg_proc p ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid
  JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
 WHERE e.extname = 'neon_s3' AND d.deptype = 'e'
 ORDER BY p.proname COLLATE "C";

SELECT pg_describe_object(d.classid, d.objid, 0) AS other_member,
       obj_description(d.objid, d.classid::regclass::name) IS NOT NULL AS comment
  FROM pg_depend d JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
 WHERE e.extname = 'neon_s3' AND d.deptype = 'e' AND d.classid NOT IN ('pg_proc'::regclass, 'pg_type'::regclass);
