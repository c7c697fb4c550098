set -e
cd /tmp
mkdir folder
printf 'c\na\nb\n' > folder/letters
sort < folder/letters
sum=0
for number in $(seq 1000); do sum=$((sum + number)); done
echo $sum
echo moved > folder/one
mv folder/one folder/two
ln -s two folder/three
cat folder/three
(sleep 0.1; echo later "$(ls folder | wc -l)") &
wait
rm -r folder
