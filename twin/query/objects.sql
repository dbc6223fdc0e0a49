-- One feature by its OID, wherever it stands or stood.

-- name: standing
SELECT natural_key, commit_from FROM {current} WHERE dataset = {dataset} AND fid = %(fid)s

-- name: past
SELECT natural_key, commit_from, commit_to FROM {history} WHERE dataset = {dataset} AND fid = %(fid)s ORDER BY commit_from DESC
