#!/bin/bash
# At each boot: the volume with the indexes, what is secret (in memory only), the host's name, and its containers.
set -euo pipefail
. /etc/cesta/search-host.env
export AWS_DEFAULT_REGION=$REGION

about_me() {
  local token
  token=$(curl -fsS -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' http://169.254.169.254/latest/api/token)
  curl -fsS -H "X-aws-ec2-metadata-token: $token" "http://169.254.169.254/latest/meta-data/$1"
}

rpm -q docker > /dev/null || dnf install -y docker
sysctl -q -w vm.max_map_count=1048576

# An instance that this one replaces may still have it.
device=/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_${VOLUME/-/}
until [[ -e $device ]]; do
  aws ec2 attach-volume --volume-id "$VOLUME" --instance-id "$(about_me instance-id)" --device /dev/sdf || true
  sleep 5
done
# Neither of the two writes over a file system that is there.
blkid -p "$device" > /dev/null || mkfs.xfs "$device"
mkdir -p /data
mountpoint -q /data || mount -o noatime "$device" /data
xfs_growfs /data > /dev/null

# The containers run as user 1000.
install -d -m 0711 /run/cesta
install -d -m 0700 -o 1000 /run/cesta/tls
aws secretsmanager get-secret-value --secret-id "$SECRET" --query SecretString --output text | cesta-search unpack
chown 1000 /run/cesta/tls/* /run/cesta/elastic-password

aws route53 change-resource-record-sets --hosted-zone-id "$ZONE" --change-batch "{\"Changes\": [{\"Action\": \"UPSERT\",
  \"ResourceRecordSet\": {\"Name\": \"$HOST\", \"Type\": \"A\", \"TTL\": 10,
  \"ResourceRecords\": [{\"Value\": \"$(about_me local-ipv4)\"}]}}]}" > /dev/null

systemctl enable --now docker
if ! compgen -G '/data/containers/*.env' > /dev/null; then
  cesta-search add shared 9200 "$(awk '/MemTotal/ {printf "%dm", $2 / 1024 * 0.75}' /proc/meminfo)"
fi
for container in /data/containers/*.env; do
  systemctl restart --no-block "cesta-elasticsearch@$(basename "$container" .env)"
done
systemctl enable --now cesta-search-metrics.timer
