#!/usr/bin/env bash
# The whole restore of one backup, for the day when Snapwarden itself is gone. It needs bash, curl 7.76 and this file.
#
#   backup   snapwarden-k3f9-nightly-20261121t0200z
#   of       policy nightly on shop
#   data of  2026-11-21 02:00:00 UTC
#   holds    2 indices, 1 data stream: first see to their index templates, below
#   lacks    broken: a shard is not in the snapshot, so it is not restored here
#
#   ES=https://…:9200 ES_API_KEY=… bash THIS-FILE       what is missing on the cluster, under the names it had
#   PREFIX=restored- ES=… bash THIS-FILE                all of it, beside what is there, without its aliases
#
# What is there already is left alone: nothing is deleted, closed or overwritten. Broken off? AGAIN="NAME NAME" says
# what it had made already: it goes on with that.

set -o pipefail

# 1. Where to, and who you are. Credentials come from the environment and are stored nowhere: ES_API_KEY (the encoded
#    form), or ES_USER and ES_PASSWORD. CA=ca.pem names the certificates to trust.

ES="${ES-}"
if [ -z "$ES" ]; then ES=https://es.internal:9200; fi
PREFIX="${PREFIX-}"

stop() { echo "$*" >&2; exit 1; }
case "$PREFIX" in [_-]* | *[!a-z0-9_-]*) stop "PREFIX may hold a-z, 0-9, - and _, and begins with a-z or 0-9" ;; esac

OWN="$(mktemp)" || exit 1  # readable by you only, so that no list of processes shows the credentials
trap 'rm -f "$OWN"' EXIT
quoted() { printf '%s' "$1" | sed 's/[\\"]/\\&/g'; }
if [ -n "${ES_API_KEY:-}" ]; then
  printf 'header = "Authorization: ApiKey %s"\n' "$(quoted "$ES_API_KEY")" >"$OWN"
elif [ -n "${ES_USER:-}" ]; then
  printf 'user = "%s"\n' "$(quoted "$ES_USER:${ES_PASSWORD:-}")" >"$OWN"
fi
if [ -n "${CA:-}" ]; then printf 'cacert = "%s"\n' "$(quoted "$CA")" >>"$OWN"; fi
OPTIONS=(--silent --show-error --fail-with-body --config "$OWN" --header 'content-type: application/json')

curl "${OPTIONS[@]}" "$ES/_cluster/health?filter_path=cluster_name,status" || stop "$ES does not answer, or not you"
echo

# 2. Templates, pipelines and policies as they were, commented out: take the # away where you need them,
#    before the restore. Index templates first of all, where there are data streams.
# curl "${OPTIONS[@]}" -X PUT "$ES/_ilm/policy/hot" -d '{"policy": {"phases": {"hot": {"actions": {}}}}}'
# curl "${OPTIONS[@]}" -X PUT "$ES/_ingest/pipeline/clean" -d '{"processors": []}'
# curl "${OPTIONS[@]}" -X PUT "$ES/_component_template/base" -d '{"template": {"settings": {"index": {"number_of_shards": "1"}}}}'
# curl "${OPTIONS[@]}" -X PUT "$ES/_index_template/logs" -d '{"composed_of": ["base"], "data_stream": {}, "index_patterns": ["logs*"]}'
# curl "${OPTIONS[@]}" -X PUT "$ES/_cluster/settings" -d '{"persistent": {"cluster.max_shards_per_node": "2000"}}'
#    Left out, because each server brings its own: 2 that Elasticsearch manages itself.
#    REDACTED: /repositories/main/settings/secret_key
#    Not whole: aliases: half of them

# 3. The repository. Where it is not registered it is registered read-only, so that two clusters never write to it. When
#    the old cluster is gone for good, and this one shall make backups there, register it again without "readonly".

REPOSITORY='{"settings": {"bucket": "b", "max_restore_bytes_per_sec": "9mb", "readonly": true, "secret_key": "REDACTED"}, "type": "s3"}'
status="$(curl "${OPTIONS[@]}" --output /dev/null --write-out '%{http_code}' "$ES/_snapshot/main" 2>/dev/null)"
case "$status" in
200) ;;
404)
  case "$REPOSITORY" in *REDACTED*) stop "fill in what says REDACTED in REPOSITORY, above" ;; esac
  curl "${OPTIONS[@]}" -X PUT "$ES/_snapshot/main" -d "$REPOSITORY" || stop "the repository can't be registered"
  echo
  ;;
*) stop "the repository: the server answers $status" ;;
esac

# 4. The snapshot: is it there, and is it the one that was backed up?

found="$(curl "${OPTIONS[@]}" "$ES/_snapshot/main/snapwarden-k3f9-nightly-20261121t0200z?filter_path=snapshots.uuid,snapshots.state")" ||
  stop "the snapshot is not there: $found"
case "$found" in *'"uuid":"sVn8Kb9mQvSZy0vTzHW7Tg"'*) ;; *) stop "this snapshot is another one: $found" ;; esac
echo "$found"

# 5. Restore: index by index, without replicas for now. Lifecycle policies, pipelines and allocation rules are left out:
#    the first would count from the day when the index was made, the others may not exist here.

MADE="${AGAIN-}"
FAILED=""
restore() { # restore NAME-IN-URLS NAME-AS-JSON
  status="$(curl "${OPTIONS[@]}" --output /dev/null --write-out '%{http_code}' --head "$ES/$PREFIX$1" 2>/dev/null)"
  case "$status" in
  404) ;;
  200) echo "$PREFIX$1: is there already, left alone"; return ;;
  *) stop "$PREFIX$1: the server answers $status" ;;
  esac
  if curl "${OPTIONS[@]}" -X POST "$ES/_snapshot/main/snapwarden-k3f9-nightly-20261121t0200z/_restore?wait_for_completion=false" -d '{
      "indices": '"$2"', "rename_pattern": "(.+)", "rename_replacement": "'"$PREFIX"'$1",
      "include_aliases": false, "include_global_state": false, "feature_states": ["none"],
      "index_settings": {"index.number_of_replicas": 0, "index.auto_expand_replicas": "false"},
      "ignore_index_settings": ["index.routing.allocation.*", "index.lifecycle.*", "index.default_pipeline", "index.final_pipeline"]}'; then
    MADE="$MADE $1"
  else
    FAILED="$FAILED $1"
  fi
  echo "  $PREFIX$1"
}
made() { case " $MADE " in *" $1 "*) return 0 ;; *) return 1 ;; esac; }

restore customers '["customers"]'
restore orders '["orders"]'
restore logs '["logs"]'

# 6. Wait until every primary shard has come back. By hand: curl "$ES/_cat/recovery/NAME?v", and where nothing moves
#    curl "$ES/_cluster/allocation/explain" -d '{"index": "NAME", "shard": 0, "primary": true}'

await() { # await NAME-IN-URLS SHARDS
  made "$1" || return 0
  local before="" now still=0 there
  while :; do
    there="$(curl "${OPTIONS[@]}" "$ES/_cat/shards/$PREFIX$1?h=prirep,state" | grep -cE '^p +(STARTED|RELOCATING)')"
    if [ "${there:-0}" -ge "$2" ]; then echo "$PREFIX$1: all $2 shards are back"; return 0; fi
    now="$(curl "${OPTIONS[@]}" "$ES/_cat/recovery/$PREFIX$1?h=shard,stage,bytes_recovered&bytes=b&s=shard")"
    if [ "$now" = "$before" ]; then still=$((still + 2)); else still=0; before="$now"; fi
    if [ "$still" -ge "${PATIENCE:-300}" ]; then
      echo "$PREFIX$1: $there of $2 shards are back, and nothing moves for $still s" >&2
      FAILED="$FAILED $1"
      return 0
    fi
    sleep 2
  done
}

await customers 3
await orders 1
await logs 3

# 7. The settings that they had, replicas first of all. The lines that are commented out give an index its lifecycle,
#    pipelines and allocation back: look at each before you use it.

settings() { # settings NAME-IN-URLS BODY
  made "$1" || return 0
  curl "${OPTIONS[@]}" -X PUT "$ES/$PREFIX$1/_settings" -d "$2" || FAILED="$FAILED $1"
  echo "  $PREFIX$1: settings"
}

settings customers '{"index.auto_expand_replicas": null, "index.number_of_replicas": null}'
settings orders '{"index.auto_expand_replicas": "0-all", "index.number_of_replicas": "0"}'
# settings orders '{"index.default_pipeline": "clean", "index.lifecycle.name": "hot"}'
settings logs '{"index.auto_expand_replicas": null, "index.number_of_replicas": "2"}'

# 8. Aliases, of what was restored under the name that it had: an alias must never span two copies. The server refuses a
#    second write index; then nothing of that line was done.

aliases() { # aliases NAME-IN-URLS BODY
  if [ -n "$PREFIX" ] || ! made "$1"; then return 0; fi
  curl "${OPTIONS[@]}" -X POST "$ES/_aliases" -d "$2" || FAILED="$FAILED $1"
  echo "  $1: aliases"
}

aliases orders '{"actions": [{"add": {"alias": "live", "filter": {"term": {"city": "L'"'"'Aquila"}}, "index": "orders", "index_routing": "1", "is_write_index": true}}]}'
aliases logs '{"actions": [{"add": {"alias": "all-logs", "index": "logs"}}]}'

# 9. What to look at: health, and the documents that each of them held (nested ones count) when it was backed up.
#    Who writes in between brings a few more or fewer.
#              120,345  orders

for name in $MADE; do
  curl "${OPTIONS[@]}" "$ES/_cat/indices/$PREFIX$name?h=health,index,docs.count&expand_wildcards=all"
done
if [ -n "$FAILED" ]; then stop "not as it should be:$FAILED"; fi
echo "done"
