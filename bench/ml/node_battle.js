// Milliseconds of one battle of the Node simulator: two Pokémon with four moves each, whose player always picks the first.
// Usage: node node_battle.js FOLDER_WITH_NODE_MODULES
const path = require('path');
const { Battle } = require(path.join(process.argv[2], 'node_modules/pokemon-showdown'));

const set = (species, moves) => ({
    species, moves, level: 50, nature: 'Serious', ability: 'No Ability', gender: 'N', item: '',
    evs: { hp: 0, atk: 0, def: 0, spa: 0, spd: 0, spe: 0 }, ivs: { hp: 31, atk: 31, def: 31, spa: 31, spd: 31, spe: 31 },
});
const teams = [
    [set('Venusaur', ['sludgebomb', 'doubleedge', 'outrage', 'solarbeam'])],
    [set('Golem', ['earthquake', 'stoneedge', 'doubleedge', 'firepunch'])],
];

function play(seed) {
    const battle = new Battle({ formatid: 'gen7letsgoou@@@!Team Preview,!Obtainable,!Species Clause', seed: [seed, 2, 3, 4] });
    battle.setPlayer('p1', { name: 'a', team: teams[0] });
    battle.setPlayer('p2', { name: 'b', team: teams[1] });
    for (let i = 0; i < 200 && !battle.ended; i++) battle.makeChoices('default', 'default');
    if (!battle.ended) throw new Error('a battle did not end');
}

for (let i = 1; i < 200; i++) play(i);
const start = process.hrtime.bigint();
const battles = 1000;
for (let i = 1; i <= battles; i++) play(1000 + i);
console.log(Number(process.hrtime.bigint() - start) / 1e6 / battles);
